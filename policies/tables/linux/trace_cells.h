// SPDX-License-Identifier: Apache-2.0
#pragma once

// Before any system header can: see there.
#include "guest/linux/linux_macro.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/support.h"

#include <optional>
#include <string_view>

namespace ringside::policies {

inline Value boolean_cell(bool value) {
  return cell(std::uint32_t{value});
}
inline Value boolean_cell(const std::optional<bool>& value) {
  return value ? boolean_cell(*value) : null_cell();
}
/// NULL for address 0, which stands for no pointer.
inline Value pointer_cell(guest::Gva gva) {
  return gva.value == 0 ? null_cell() : cell(gva.value);
}
inline Value pointer_cell(const std::optional<guest::Gva>& gva) {
  return gva ? pointer_cell(*gva) : null_cell();
}
inline Value signed_cell(std::int64_t value) {
  return value;
}
/// NULL for empty text.
inline Value text_cell(std::string_view text) {
  return text.empty() ? null_cell() : cell(text);
}
/// What stands at an address that has no columns of names of its own; NULL if it has no name. Nothing is
/// asked unless `wanted`.
inline Value symbol_cell(guest::linux::Kernel& kernel, guest::Gva gva, bool wanted) {
  if (!wanted || gva.value == 0) return null_cell();
  const auto name = guest::linux::Symboliser::of(kernel).symbol(gva);
  return name ? cell(*name) : null_cell();
}

/// A row that ends with an address and its names.
inline bool add_named(RowSink& sink, AddressNames& names, std::vector<Value> row, guest::Gva function) {
  row.push_back(pointer_cell(function));
  names.add(row, function.value == 0 ? std::nullopt : std::optional(function.value));
  return sink.row(std::move(row));
}

}  // namespace ringside::policies
