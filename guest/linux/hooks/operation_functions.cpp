// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/files.h"
#include "guest/linux/symboliser.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>

namespace ringside::guest::linux {

namespace {

/// Which type of table a member leads to (include/linux/fs.h, dcache.h, fs/proc/internal.h).
struct Slot {
  std::string_view slot, type;
};
constexpr std::array kSlots = {
    Slot{"s_op", "super_operations"},
    Slot{"s_d_op", "dentry_operations"},
    Slot{"d_op", "dentry_operations"},
    Slot{"s_export_op", "export_operations"},
    Slot{"i_op", "inode_operations"},
    Slot{"i_fop", "file_operations"},
    Slot{"f_op", "file_operations"},
    Slot{"proc_ops", "proc_ops"},
    Slot{"proc_iops", "inode_operations"},
    Slot{"proc_dops", "dentry_operations"},
    Slot{"ops", "file_operations"},
    Slot{"fops", "file_operations"},
    Slot{"a_ops", "address_space_operations"},
};

class TableReader {
 public:
  TableReader(Kernel& kernel, Hooks& into) : kernel_(kernel), into_(into) {}

  void take(const Hook& to) {
    if (to.kind != Hook::Kind::table) return;
    const auto slot = std::ranges::find(kSlots, to.slot, &Slot::slot);
    // A table that is nobody's is reported as such, and what it holds may be anything.
    if (slot == kSlots.end() || !stands_in_data(to.target) || !seen_.insert(to.target.value).second) return;
    auto [reader, added] =
        readers_.try_emplace(slot->type, kernel_, slot->type, HookReader::Members::functions);
    if (reader->second.problem()) {
      if (added) into_.problem(reader->second.problem()->within("tables of operations"));
      return;
    }
    if (auto read = reader->second.read(to.target); !read)
      return into_.problem(read.error().within(std::string(slot->type) + " of " + to.name));
    Hook like;
    like.group = slot->type;
    like.name = to.group.empty() || to.group == "proc" ? to.name : to.group + " " + to.name;
    reader->second.append(std::move(like), into_);
  }

 private:
  bool stands_in_data(Gva table) {
    switch (Symboliser::of(kernel_).region(table)) {
      case AddressRegion::kernel_rodata:
      case AddressRegion::kernel_data:
      case AddressRegion::module_rodata:
      case AddressRegion::module_data:
        return true;
      default:
        return false;
    }
  }

  Kernel& kernel_;
  Hooks& into_;
  std::map<std::string_view, HookReader> readers_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

Result<Hooks> operation_functions(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  TableReader reader(kernel, hooks);
  for (const auto list : {file_operations, proc_entries, character_devices}) {
    RINGSIDE_TRY(const auto tables, list(kernel));
    for (const auto& error : tables.problems) hooks.problem(error);
    for (const Hook& hook : tables.entries) reader.take(hook);
  }
  return hooks;
}

}  // namespace ringside::guest::linux
