// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_views.h"

#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/view_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

/// Places of columns that cost more than the others.
enum : std::size_t {
  kMemory = 9,
  kTraced = 10,
  kHidden = 11,
  kUnowned = 14,
  kBase = 15,
  kSize = 16,
  kCaller = 17,
  kNames = 18
};

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  const bool verdict = request.uses(kHidden);
  linux::ModuleViewParts parts;
  parts.memory = verdict || request.uses(kMemory) || request.uses(kUnowned) || request.uses(kBase) ||
                 request.uses(kSize) || request.uses(kCaller);
  parts.traced = verdict || request.uses(kTraced);
  const auto listing = linux::module_views(*kernel, parts);
  report_problems(listing, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& view : listing.entries) {
    const auto& module = view.module;
    const auto cleared = view.taints_cleared;
    std::vector<Value> cells = {
        cell(module ? module->name : std::string()),
        cell(view.area.value_or(view.address).value),
        module ? cell(linux::to_string(module->state)) : null_cell(),
        truth_cell(view.listed),
        truth_cell(view.sysfs),
        truth_cell(view.tree),
        truth_cell(view.tree_too),
        truth_cell(view.btf),
        truth_cell(view.bugs),
        truth_cell(view.memory),
        truth_cell(view.traced),
        truth_cell(view.hidden),
        module && module->taints ? cell(linux::taint_letters(*module->taints)) : null_cell(),
        cleared ? cell(linux::taint_letters(*cleared)) : null_cell(),
        view.in_flight ? null_cell() : Value(std::int64_t{view.area.has_value()}),
        module && module->base ? gva_cell(module->base) : gva_cell(view.area),
        view.area ? cell(view.area_size)
        : module  ? cell_or_null(module->size)
                  : null_cell(),
        gva_cell(view.area_caller)};
    std::optional<std::uint64_t> caller;
    if (view.area_caller) caller = view.area_caller->value;
    names.add(cells, caller);
    if (!sink.row(std::move(cells))) break;
  }
  return {};
}

}  // namespace

Table module_views_table() {
  using enum ColumnType;
  return {
      .name = "module_views",
      .doc =
          "Linux: every module that any of the kernel's records shows, with the records that do not; and "
          "memory of modules that belongs to none.",
      .columns = with_address_names(
          {{"name", text, "of the module; empty where it is not known"},
           {"gva", address, "its struct module; of memory without one its start", Stability::kept},
           {"state", text, "live, coming, going or unformed"},
           {"listed", boolean, "in the list that /proc/modules shows"},
           {"sysfs", boolean, "in module_kset: /sys/module"},
           {"mod_tree_0", boolean, "in the first copy of mod_tree, which finds modules by address"},
           {"mod_tree_1", boolean, "in the second copy"},
           {"btf_modules", boolean,
            "in the list of modules with types; NULL for one without, and before 6.1"},
           {"bug_list", boolean, "in module_bug_list"},
           {"vmalloc", boolean, "an area of the module range holds its text"},
           {"ftrace", boolean, "ftrace has records of its functions; NULL for one without any"},
           {"hidden", boolean,
            "it is live and a record that must show it does not, or it is marked unformed and in sysfs; NULL "
            "where that is not known"},
           {"taints", text, "letters as in /sys/module/NAME/taint"},
           {"taints_cleared", text, "those of them that kernel.tainted lacks, although it never loses any"},
           {"unowned", boolean,
            "no module: memory that was given to one and belongs to none; NULL while modules come and go, or "
            "memory of their init is being freed"},
           {"base", address, "of its text; of memory without a module its start", Stability::kept},
           {"size", integer, "bytes of all its regions; of memory without a module its length"},
           {"caller", address,
            "who asked for memory that belongs to no module; symbol, module and region are "
            "its names",
            Stability::kept}}),
      .pushdown = {},
      .identity = {"name", "gva"},
      .example = "SELECT name, listed, sysfs, mod_tree_0, btf_modules FROM module_views WHERE hidden",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
