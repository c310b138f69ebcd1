// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl_layout.h"

#include "guest/linux/code_references.h"

#include <set>
#include <string_view>
#include <utility>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxObject = 4096;

Result<SysctlLayout> from_types(Kernel& kernel) {
  RINGSIDE_TRY(const Types* types, kernel.types());
  SysctlLayout layout;
  struct Wanted {
    std::uint32_t* into;
    std::string_view type, path;
  };
  const Wanted wanted[] = {{&layout.set_directory, "ctl_table_set", "dir"},
                           {&layout.directory_header, "ctl_dir", "header"},
                           {&layout.directory_tree, "ctl_dir", "root"},
                           {&layout.node_hook, "ctl_node", "node"},
                           {&layout.node_header, "ctl_node", "header"},
                           {&layout.header_tables, "ctl_table_header", "ctl_table"},
                           {&layout.header_nodes, "ctl_table_header", "node"},
                           {&layout.header_leaving, "ctl_table_header", "unregistering"},
                           {&layout.header_set, "ctl_table_header", "set"},
                           {&layout.name, "ctl_table", "procname"},
                           {&layout.data, "ctl_table", "data"},
                           {&layout.length, "ctl_table", "maxlen"},
                           {&layout.mode, "ctl_table", "mode"},
                           {&layout.handler, "ctl_table", "proc_handler"}};
  for (const auto& [into, type, path] : wanted) {
    RINGSIDE_TRY(const Field field, types->field(type, path));
    *into = field.offset;
  }
  if (const auto count = types->field("ctl_table_header", "ctl_table_size"))
    layout.header_count = count->offset;
  RINGSIDE_TRY(const std::uint64_t node_size, types->size_of("ctl_node"));
  RINGSIDE_TRY(const std::uint64_t table_size, types->size_of("ctl_table"));
  if (node_size == 0 || table_size == 0 || node_size > kMaxObject || table_size > kMaxObject)
    return fail(Errc::out_of_bounds, "the types of the sysctl tables have impossible sizes");
  layout.node_size = static_cast<std::uint32_t>(node_size);
  layout.table_size = static_cast<std::uint32_t>(table_size);
  return layout;
}

/// i386, 5.10 to 6.1 (the last release that Debian built for it): nothing in these structs depends on the
/// configuration.
SysctlLayout layout_of_i386() {
  SysctlLayout layout;
  layout.set_directory = 4;
  layout.directory_tree = 44;
  layout.node_header = 12;
  layout.node_size = 16;
  layout.header_nodes = 36;
  layout.header_leaving = 16;
  layout.header_set = 28;
  layout.data = 4;
  layout.length = 8;
  layout.mode = 12;
  layout.handler = 20;
  layout.table_size = 36;
  return layout;
}

/// The header of a set's root directory names the set.
bool is_set(Kernel& kernel, Gva set, const SysctlLayout& layout) {
  const auto named =
      kernel.read_pointer(set + layout.set_directory + layout.directory_header + layout.header_set);
  return named && *named == set;
}

}  // namespace

Result<SysctlPlace> find_sysctl(Kernel& kernel) {
  auto layout = from_types(kernel);
  if (layout) {
    RINGSIDE_TRY(const Gva root, kernel.symbol("sysctl_table_root"));
    RINGSIDE_TRY(const Field global, kernel.field("ctl_table_root", "default_set"));
    return SysctlPlace{*layout, true, root + global.offset};
  }
  if (kernel.pointer_size() == 8) return fail(std::move(layout).error());
  const SysctlLayout guess = layout_of_i386();
  for (const Gva candidate :
       code_references(kernel, {"register_sysctl", "register_sysctl_paths", "__register_sysctl_init"}))
    if (is_set(kernel, candidate, guess)) return SysctlPlace{guess, false, candidate};
  return fail(Errc::unavailable,
              "the sysctl tables were not found: this kernel names neither its variables nor its types");
}

std::vector<Gva> find_sets(Kernel& kernel, const SysctlPlace& place,
                           std::initializer_list<std::string_view> functions) {
  // The object referred to is the one that holds the set, or a part of it that stands before.
  constexpr std::uint64_t kBefore = 2048, kAround = 8192;
  const SysctlLayout& layout = place.layout;
  const std::uint32_t word = kernel.pointer_size(), header = layout.set_directory + layout.directory_header;
  // All root directories share one table, which holds nothing (setup_sysctl_set(), fs/proc/proc_sysctl.c).
  const auto tables = kernel.read_pointer(place.global + header + layout.header_tables);
  std::set<std::uint64_t> sets;
  Bytes around(kAround);
  for (const Gva candidate : code_references(kernel, functions)) {
    const Gva first{(candidate.value - kBefore) & ~std::uint64_t{word - 1}};
    if (!tables || !kernel.space().read(first, around)) continue;
    for (std::uint64_t at = 0; at + word <= around.size(); at += word) {
      const Gva set = first + at;
      if (set == place.global || load_le<std::uint32_t>(around, at + header + layout.header_set) != set.value)
        continue;
      if (load_le<std::uint32_t>(around, at + header + layout.header_tables) == tables->value)
        sets.insert(set.value);
    }
  }
  std::vector<Gva> found;
  for (const auto set : sets) found.push_back(Gva{set});
  return found;
}

}  // namespace ringside::guest::linux
