// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/hook_rows.h"

#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

using guest::linux::Hook;

Value own_cell(const Hook& hook, HookColumn column) {
  switch (column) {
    case HookColumn::group:
      return cell(hook.group);
    case HookColumn::name:
      return hook.name.empty() ? null_cell() : cell(hook.name);
    case HookColumn::slot:
      return cell(hook.slot);
    case HookColumn::kind:
      return cell(to_string(hook.kind));
    case HookColumn::number:
      return hook.number ? Value(*hook.number) : null_cell();
    case HookColumn::netns:
      return cell_or_null(hook.netns);
    case HookColumn::object:
      return cell(hook.object.value);
  }
  return null_cell();
}

}  // namespace

std::vector<Column> hook_columns(std::vector<Column> own, std::string_view pointer, std::string_view doc) {
  own.push_back({"gva", ColumnType::address, "where the pointer stands", Stability::kept});
  own.push_back({pointer, ColumnType::address, doc, Stability::kept});
  return with_address_names(std::move(own));
}

void emit_hooks(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink,
                const guest::linux::Hooks& hooks, std::span<const HookColumn> own) {
  report_problems(hooks, sink);
  AddressNames names(snapshot, request, own.size() + 2, sink);
  for (const Hook& hook : hooks.entries) {
    std::vector<Value> row;
    row.reserve(own.size() + 2 + kAddressNames);
    for (const HookColumn column : own) row.push_back(own_cell(hook, column));
    row.push_back(cell(hook.place.value));
    row.push_back(cell(hook.target.value));
    names.add(row, hook.target.value);
    if (!sink.row(std::move(row))) return;
  }
}

}  // namespace ringside::policies
