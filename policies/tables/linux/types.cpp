// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/recovered_types.h"
#include "policies/tables/linux/type_sources.h"

#include <set>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
using linux::Btf;

enum : std::size_t { kName, kKind, kSize, kDefinition, kModule, kId, kColumns };

/// False: the sink wants no more.
bool add_types(const Btf& btf, const std::string& module, const TableRequest& request, RowSink& sink) {
  for (Btf::Id id = btf.first_id(); id < btf.end_id(); ++id) {
    const auto kind = btf.kind(id);
    const auto kind_name = type_kind(kind);
    if (kind_name.empty() || !request.wants("kind", kind_name)) continue;
    const auto name = btf.name(id);
    if (name.empty() || !request.wants("name", name)) continue;
    std::vector<Value> cells(kColumns);
    cells[kName] = cell(name);
    cells[kKind] = cell(kind_name);
    if (request.uses(kSize) && kind != Btf::Kind::function && kind != Btf::Kind::forward)
      if (const auto size = btf.size_of(id)) cells[kSize] = cell(*size);
    if (request.uses(kDefinition)) {
      if (kind == Btf::Kind::typedef_) cells[kDefinition] = cell(btf.spelled(btf.refers_to(id)));
      if (kind == Btf::Kind::function) cells[kDefinition] = cell(btf.spelled(id));
    }
    cells[kModule] = module_cell(module);
    cells[kId] = cell(id);
    if (!sink.row(std::move(cells))) return false;
  }
  return true;
}

void add_recovered(const linux::RecoveredTypes& types, const TableRequest& request, RowSink& sink) {
  std::set<std::string> names;
  for (const auto& [path, field] : types.members()) names.insert(path.substr(0, path.find('.')));
  for (const auto& name : names) {
    if (!request.wants("name", std::string_view(name))) continue;
    std::vector<Value> cells(kColumns);
    cells[kName] = cell(name);
    cells[kKind] = cell("struct");
    if (const auto size = types.size_of(name)) cells[kSize] = cell(*size);
    if (!sink.row(std::move(cells))) return;
  }
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  return fill_types(*kernel, request, sink);
}

}  // namespace

Result<void> fill_types(linux::Kernel& kernel, const TableRequest& request, RowSink& sink) {
  if (!kernel.btf()) {
    RINGSIDE_TRY(const linux::Types* const types, kernel.types());
    if (const auto* recovered = dynamic_cast<const linux::RecoveredTypes*>(types))
      add_recovered(*recovered, request, sink);
    sink.incomplete({Errc::unavailable,
                     "this kernel holds no type information: only types of which members "
                     "could be worked out are there"});
    return {};
  }
  return each_btf(kernel, request, sink, [&](const Btf& btf, const std::string& module) {
    return add_types(btf, module, request, sink);
  });
}

Table types_table() {
  return {.name = "types",
          .doc =
              "Linux: the named types and functions in the kernel's BTF and in that of its modules. Ask for "
              "a name: "
              "that is cheaper. Members are in type_members.",
          .columns =
              {{"name", ColumnType::text, "without the word struct, union or enum"},
               {"kind", ColumnType::text,
                "struct, union, enum, typedef, integer, float, function; declaration: only declared there"},
               {"size", ColumnType::integer, "bytes; NULL for a function or declaration"},
               {"definition", ColumnType::text,
                "of a typedef what it stands for, of a function what it takes and returns, as C writes it"},
               {"module", ColumnType::text, "that brought it along; NULL: the kernel image"},
               {"id", ColumnType::integer, "BTF type id; NULL on a kernel without BTF"}},
          .pushdown = {"name", "kind", "module"},
          .identity = {"module", "id", "name"},
          .example = "SELECT name, size FROM types WHERE name = 'task_struct' AND kind = 'struct'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
