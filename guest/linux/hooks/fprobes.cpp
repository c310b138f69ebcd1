// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/fprobes.h"

#include "guest/linux/hash_buckets.h"
#include "guest/linux/hooks/ftrace_ops.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/symbol_extent.h"

#include <utility>

namespace ringside::guest::linux {

namespace {

using Presence = ObjectReader::Presence;

constexpr std::uint64_t kMaxTableBytes = 4096;  // the kernel's table has 64 chains (FPROBE_TABLE_SIZE)

class Reader {
 public:
  Reader(Kernel& kernel, Listing<FprobeHandler>& listing) : kernel_(kernel), listing_(listing) {}

  Result<void> usable() const {
    if (!fprobe_.missing().empty()) return fail(fprobe_.missing().front());
    return {};
  }
  void take(Gva probe) {
    if (auto read = fprobe_.read(probe); !read)
      return listing_.problem(read.error().within("the fprobe at " + to_string(probe)));
    add(probe, "entry_handler", fprobe_.pointer(entry_));
    add(probe, "exit_handler", fprobe_.pointer(exit_));
    const Gva rethook = fprobe_.pointer(rethook_).value_or(Gva{0});
    if (rethook.value == 0) return;
    if (auto read = rethooks_.read(rethook); !read)
      return listing_.problem(read.error().within("the rethook at " + to_string(rethook)));
    add(probe, "rethook.handler", rethooks_.pointer(rethook_handler_));
  }

 private:
  void add(Gva probe, std::string_view slot, std::optional<Gva> function) {
    if (!function || function->value == 0) return;
    listing_.entries.push_back({probe, fprobe_.u32(flags_).value_or(0), slot, *function});
  }
  Kernel& kernel_;
  Listing<FprobeHandler>& listing_;
  ObjectReader fprobe_{kernel_, "fprobe"}, rethooks_{kernel_, "rethook"};
  const ObjectReader::Member flags_ = fprobe_.add("flags"), entry_ = fprobe_.add("entry_handler"),
                             exit_ = fprobe_.add("exit_handler"),
                             rethook_ = fprobe_.add("rethook", Presence::optional),
                             rethook_handler_ = rethooks_.add("handler", Presence::optional);
};

/// Each fprobe has a struct fprobe_hlist there, which points to it.
Result<void> from_table(Kernel& kernel, Gva table, Reader& reader, Listing<FprobeHandler>& listing) {
  RINGSIDE_TRY(const std::uint32_t link, kernel.offset("fprobe_hlist", "hlist"));
  RINGSIDE_TRY(const Field probe, kernel.field("fprobe_hlist", "fp"));
  const std::uint64_t chains = bytes_to_next_symbol(kernel, table, kMaxTableBytes) / kernel.pointer_size();
  const auto problem = [&](Error error) { listing.problem(error.within("fprobe_table")); };
  walk_buckets(
      kernel, {table, chains, kernel.pointer_size(), 0, false}, kMaxFprobes,
      [&](Gva node) {
        const auto at = kernel.read_pointer_field(Gva{node - Gva{link}}, probe);
        if (!at)
          problem(at.error());
        else if (at->value != 0)  // 0: it is being unregistered
          reader.take(*at);
        return true;
      },
      problem);
  return {};
}

/// The ops whose function is that of fprobes stand in a struct fprobe each.
Result<void> from_ops(Kernel& kernel, Reader& reader, Listing<FprobeHandler>& listing) {
  RINGSIDE_TRY(const std::uint32_t ops, kernel.offset("fprobe", "ops"));
  const auto plain = kernel.find_symbol("fprobe_handler"),
             with_kprobes = kernel.find_symbol("fprobe_kprobe_handler");
  RINGSIDE_TRY(const auto handlers, ftrace_handlers(kernel, false));
  for (const auto& problem : handlers.problems) listing.problem(problem);
  for (const auto& handler : handlers.entries)
    if (handler.ops.value != 0 && (handler.function == plain || handler.function == with_kprobes))
      reader.take(Gva{handler.ops - Gva{ops}});
  return {};
}

}  // namespace

Result<Listing<FprobeHandler>> fprobe_handlers(Kernel& kernel) {
  Listing<FprobeHandler> listing;
  if (!kernel.find_symbol("register_fprobe")) return listing;
  Reader reader(kernel, listing);
  RINGSIDE_CHECK(reader.usable());
  if (const auto table = kernel.find_symbol("fprobe_table")) {
    RINGSIDE_CHECK(from_table(kernel, *table, reader, listing));
  } else {
    RINGSIDE_CHECK(from_ops(kernel, reader, listing));
  }
  return listing;
}

}  // namespace ringside::guest::linux
