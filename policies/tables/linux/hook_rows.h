// SPDX-License-Identifier: Apache-2.0
#pragma once

// Before any system header can: see there.
#include "guest/linux/hooks/hook.h"
#include "guest/linux/linux_macro.h"
#include "policies/tables/table.h"

#include <array>
#include <initializer_list>
#include <span>
#include <vector>

namespace ringside::policies {

/// What a column of a table of hooks shows; the member of guest::linux::Hook.
enum class HookColumn { group, name, slot, kind, number, netns, object };

/// The columns of such a table: its own, then `gva` (where the pointer stands), `function` or what `pointer`
/// says, and the names of that address.
std::vector<Column> hook_columns(std::vector<Column> own, std::string_view pointer = "function",
                                 std::string_view doc = "what the pointer holds");

/// Emits the rows of `hooks`: the cells of `own`, in order, then the rest.
void emit_hooks(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink,
                const guest::linux::Hooks& hooks, std::span<const HookColumn> own);

/// Table::fill of a table of hooks.
template <auto List, HookColumn... Own>
Result<void> fill_hooks(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, guest::linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto hooks, List(*kernel));
  static constexpr std::array kOwn = {Own...};
  emit_hooks(snapshot, request, sink, hooks, kOwn);
  return {};
}

}  // namespace ringside::policies
