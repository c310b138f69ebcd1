// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/modules.h"

#include "policies/tables/linux/support.h"

#include <array>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
using linux::Module;
using P = linux::ModuleParts;

Value address_or_null(const std::optional<guest::Gva>& gva) {
  return gva && *gva != guest::Gva{0} ? cell(gva->value) : null_cell();
}
Value number(const std::optional<std::int64_t>& value) {
  return value ? Value(*value) : null_cell();
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ",") + name;
  return all;
}

/// A column with what has to be read for it.
struct ModuleColumn {
  Column column;
  P parts = P::none;
  Value (*cell)(const Module& module) = nullptr;
};

const std::vector<ModuleColumn>& columns() {
  constexpr auto live = Stability::live, kept = Stability::kept;
  static const std::vector<ModuleColumn> all = {
      {{"name", ColumnType::text, "of the module"}, P::none, [](const Module& m) { return cell(m.name); }},
      {{"state", ColumnType::text, "live, coming, going or unformed"},
       P::none,
       [](const Module& m) { return cell(linux::to_string(m.state)); }},
      {{"base", ColumnType::address, "first address of its text, as /proc/modules says", kept},
       P::layout,
       [](const Module& m) { return address_or_null(m.base); }},
      {{"size", ColumnType::integer, "bytes of all its regions, as /proc/modules says"},
       P::layout,
       [](const Module& m) { return cell_or_null(m.size); }},
      {{"refcount", ColumnType::integer, "how often it is in use", live},
       P::references,
       [](const Module& m) { return number(m.references); }},
      {{"used_by", ColumnType::text, "modules that use it, with commas between", live},
       P::users,
       [](const Module& m) { return cell(joined(m.used_by)); }},
      {{"taints", ColumnType::text,
        "letters as in /sys/module/NAME/taint: O out of tree, E unsigned, P proprietary, ..."},
       P::taints,
       [](const Module& m) { return m.taints ? cell(linux::taint_letters(*m.taints)) : null_cell(); }},
      {{"version", ColumnType::text, "that its source names; NULL if none"},
       P::texts,
       [](const Module& m) { return cell_or_null(m.version); }},
      {{"srcversion", ColumnType::text, "checksum of its source; NULL if it was built without"},
       P::texts,
       [](const Module& m) { return cell_or_null(m.srcversion); }},
      {{"build_id", ColumnType::text, "GNU build id, hexadecimal; NULL if it has none"},
       P::build_id,
       [](const Module& m) { return cell_or_null(m.build_id); }},
      {{"args", ColumnType::text, "parameters that it was loaded with"},
       P::texts,
       [](const Module& m) { return cell_or_null(m.args); }},
      {{"init", ColumnType::address, "its init function; NULL once that has run", kept},
       P::functions,
       [](const Module& m) { return address_or_null(m.init); }},
      {{"exit", ColumnType::address, "its exit function; NULL if it has none", kept},
       P::functions,
       [](const Module& m) { return address_or_null(m.exit); }},
      {{"symbols", ColumnType::integer, "symbols that the kernel keeps of it"},
       P::symbols,
       [](const Module& m) { return cell_or_null(m.symbols); }},
      {{"parameters", ColumnType::integer, "parameters that it takes"},
       P::parameters,
       [](const Module& m) { return cell_or_null(m.parameters); }},
      {{"load_order", ColumnType::integer,
        "1: the first loaded of those that are there; NULL if the list is torn", live},
       P::none,
       [](const Module& m) { return cell_or_null(m.load_order); }},
      {{"gva", ColumnType::address, "of its struct module", kept},
       P::none,
       [](const Module& m) { return cell(m.address.value); }},
  };
  return all;
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  P parts = P::none;
  for (std::size_t i = 0; i < columns().size(); ++i)
    if (request.uses(i)) parts = parts | columns()[i].parts;
  const auto listing = linux::modules(*kernel, parts);
  report_problems(listing, sink);
  for (const Module& module : listing.entries) {
    if (!request.wants("name", std::string_view(module.name))) continue;
    std::vector<Value> cells(columns().size());
    for (std::size_t i = 0; i < columns().size(); ++i)
      if (request.uses(i)) cells[i] = columns()[i].cell(module);
    if (!sink.row(std::move(cells))) break;
  }
  return {};
}

}  // namespace

Table modules_table() {
  std::vector<Column> declared;
  for (const auto& one : columns()) declared.push_back(one.column);
  return {.name = "modules",
          .doc = "Linux: the modules in the kernel's list, the last loaded first.",
          .columns = std::move(declared),
          .pushdown = {"name"},
          .identity = {"name", "gva"},
          .example = "SELECT name, size, taints, build_id FROM modules WHERE taints <> ''",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
