// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/recovered_types.h"
#include "policies/tables/linux/type_sources.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
using linux::Btf;
using linux::Field;

enum : std::size_t {
  kType,
  kMember,
  kOffset,
  kSize,
  kBitOffset,
  kBitSize,
  kElements,
  kDefinition,
  kValue,
  kModule,
  kTypeId,
  kColumns
};

const std::string* text(const TableRequest& request, std::string_view column) {
  const auto found = request.equal.find(column);
  return found == request.equal.end() ? nullptr : std::get_if<std::string>(&found->second);
}

void put(const Field& field, std::vector<Value>& cells) {
  cells[kOffset] = cell(field.offset);
  cells[kSize] = cell(field.size);
  if (field.bit_size > 0) {
    cells[kBitOffset] = cell(std::uint32_t{field.bit_offset});
    cells[kBitSize] = cell(std::uint32_t{field.bit_size});
  }
  if (field.element_size > 0) cells[kElements] = cell(field.count);
}

/// The members of the types of one BTF.
class Lister {
 public:
  Lister(const Btf& btf, const std::string& module, const TableRequest& request, RowSink& sink)
      : btf_(btf), module_(module), request_(request), sink_(sink) {}

  /// False: the sink wants no more.
  bool run() {
    for (Btf::Id id = btf_.first_id(); id < btf_.end_id(); ++id) {
      const auto kind = btf_.kind(id);
      const bool aggregate = kind == Btf::Kind::struct_ || kind == Btf::Kind::union_;
      const bool names_values = kind == Btf::Kind::enum_ || kind == Btf::Kind::enum64;
      if (!aggregate && !names_values && kind != Btf::Kind::typedef_) continue;
      const auto name = btf_.name(id);
      if (name.empty() || !request_.wants("type", name)) continue;
      if (names_values ? !enumerators(id) : !members(id, kind == Btf::Kind::typedef_)) return false;
    }
    return true;
  }

 private:
  std::vector<Value> start(Btf::Id id, std::string_view member) const {
    std::vector<Value> cells(kColumns);
    cells[kType] = cell(btf_.name(id));
    cells[kMember] = cell(member);
    cells[kModule] = module_cell(module_);
    cells[kTypeId] = cell(id);
    return cells;
  }

  bool member(Btf::Id id, const Btf::Member& member) {
    if (!request_.wants("member", std::string_view(member.path))) return true;
    auto cells = start(id, member.path);
    put(member.field, cells);
    if (request_.uses(kDefinition)) cells[kDefinition] = cell(btf_.spelled(member.type));
    return sink_.row(std::move(cells));
  }

  bool members(Btf::Id id, bool is_typedef) {
    const std::string* path = text(request_, "member");
    if (path != nullptr && text(request_, "type") != nullptr) {
      const auto found = btf_.member(id, *path);
      return !found || member(id, *found);
    }
    // A typedef has the members of what it stands for; they are listed if that has no name of its own.
    if (is_typedef && !btf_.name(btf_.refers_to(id)).empty()) return true;
    for (const auto& found : btf_.members(id))
      if (!member(id, found)) return false;
    return true;
  }

  bool enumerators(Btf::Id id) {
    for (const auto& [name, value] : btf_.enumerators(id)) {
      if (!request_.wants("member", name)) continue;
      auto cells = start(id, name);
      cells[kValue] = Value(value);
      if (!sink_.row(std::move(cells))) return false;
    }
    return true;
  }

  const Btf& btf_;
  const std::string& module_;
  const TableRequest& request_;
  RowSink& sink_;
};

void add_recovered(const linux::RecoveredTypes& types, const TableRequest& request, RowSink& sink) {
  for (const auto& [path, field] : types.members()) {
    const auto dot = path.find('.');
    const std::string_view all = path, type = all.substr(0, dot);
    const std::string_view member = dot == std::string::npos ? std::string_view{} : all.substr(dot + 1);
    if (!request.wants("type", type) || !request.wants("member", member)) continue;
    std::vector<Value> cells(kColumns);
    cells[kType] = cell(type);
    cells[kMember] = cell(member);
    put(field, cells);
    if (!sink.row(std::move(cells))) return;
  }
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  return fill_type_members(*kernel, request, sink);
}

}  // namespace

Result<void> fill_type_members(linux::Kernel& kernel, const TableRequest& request, RowSink& sink) {
  if (!kernel.btf()) {
    RINGSIDE_TRY(const linux::Types* const types, kernel.types());
    if (const auto* recovered = dynamic_cast<const linux::RecoveredTypes*>(types))
      add_recovered(*recovered, request, sink);
    sink.incomplete(
        {Errc::unavailable,
         "this kernel holds no type information: only members that could be worked out are there"});
    return {};
  }
  return each_btf(kernel, request, sink, [&](const Btf& btf, const std::string& module) {
    return Lister(btf, module, request, sink).run();
  });
}

Table type_members_table() {
  return {
      .name = "type_members",
      .doc =
          "Linux: the members of the named structs and unions in the kernel's BTF and in that of its "
          "modules, and "
          "the values of its enums. Ask for a type: that is cheaper. With a type, member may be a path: "
          "'se.load.weight', 'mem[1].base'.",
      .columns = {{"type", ColumnType::text, "name of the struct, union, enum or typedef"},
                  {"member", ColumnType::text, "those of anonymous structs and unions count as its own"},
                  {"offset", ColumnType::integer, "bytes from its start; of a bit field, to its first byte"},
                  {"size", ColumnType::integer, "bytes; of a bit field, of the bytes that it touches"},
                  {"bit_offset", ColumnType::integer,
                   "lowest bit of a bit field in those; NULL: no bit field"},
                  {"bit_size", ColumnType::integer, "bits of a bit field; NULL: no bit field"},
                  {"elements", ColumnType::integer,
                   "of an array, of all its dimensions; 0: as many as there is room for; NULL: no array"},
                  {"definition", ColumnType::text, "its type, as C writes it"},
                  {"value", ColumnType::integer, "of an enumerator; NULL for members of structs and unions"},
                  {"module", ColumnType::text, "that brought the type along; NULL: the kernel image"},
                  {"type_id", ColumnType::integer, "BTF type id; NULL on a kernel without BTF"}},
      .pushdown = {"type", "member", "module"},
      .identity = {"module", "type_id", "type", "member"},
      .example =
          "SELECT offset, size, definition FROM type_members WHERE type = 'task_struct' AND member = 'comm'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
