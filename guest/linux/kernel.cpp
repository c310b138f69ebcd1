// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ringside::guest::linux {

std::optional<Gva> Kernel::find_symbol(std::string_view name) {
  auto found = symbol(name);
  return found ? std::optional(*found) : std::nullopt;
}

Result<Gva> Kernel::symbol_of(std::initializer_list<std::string_view> names) {
  std::string all;
  for (const auto name : names) {
    if (auto found = find_symbol(name)) return *found;
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  return fail(Errc::not_found, "this kernel has none of the symbols " + all);
}

Result<Field> Kernel::field(std::string_view type, std::string_view path) {
  RINGSIDE_TRY(const Types* known, types());
  return known->field(type, path);
}

Result<Field> Kernel::field_of(std::string_view type, std::initializer_list<std::string_view> paths) {
  RINGSIDE_TRY(const Types* known, types());
  std::optional<Error> first;
  for (const auto path : paths) {
    auto found = known->field(type, path);
    if (found) return found;
    if (!first) first = std::move(found).error();
  }
  if (!first) return fail(Errc::invalid_argument, "no member was asked for");
  return fail(std::move(*first));
}

Result<std::uint32_t> Kernel::offset(std::string_view type, std::string_view path) {
  RINGSIDE_TRY(const Field found, field(type, path));
  return found.offset;
}

Result<bool> Kernel::booted() {
  RINGSIDE_TRY(const Gva state, symbol("system_state"));
  RINGSIDE_TRY(const Types* known, types());
  RINGSIDE_TRY(const std::int64_t running, known->enumerator("system_states", "SYSTEM_RUNNING"));
  RINGSIDE_TRY(const auto now, read<std::uint32_t>(state));
  // What comes after it: the machine halts, restarts or is being suspended (include/linux/kernel.h).
  return now >= static_cast<std::uint32_t>(running);
}

Result<Gva> Kernel::read_pointer(Gva gva) {
  if (pointer_size() == 4) {
    RINGSIDE_TRY(const auto value, read<std::uint32_t>(gva));
    return Gva{value};
  }
  RINGSIDE_TRY(const auto value, read<std::uint64_t>(gva));
  return Gva{value};
}

Result<std::uint64_t> Kernel::read_field(Gva object, const Field& field) {
  if (field.size == 0 || field.size > 8 || field.bit_offset + field.bit_size > 64)
    return fail(Errc::invalid_argument, "a member of " + std::to_string(field.size) + " bytes is no integer");
  std::array<std::byte, 8> bytes{};
  RINGSIDE_CHECK(space().read(object + field.offset, std::span(bytes).first(field.size)));
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  unsigned width = field.size * 8;
  if (field.bit_size != 0) {
    value >>= field.bit_offset;
    width = field.bit_size;
  }
  if (width >= 64) return value;
  value &= (std::uint64_t{1} << width) - 1;
  if (field.is_signed && (value >> (width - 1)) != 0) value |= ~std::uint64_t{0} << width;
  return value;
}

Result<std::string> Kernel::read_string(Gva gva, std::size_t max) {
  std::string text;
  std::array<char, 256> piece;
  while (text.size() < max) {
    // Up to a page's end only: what follows the string may not be mapped.
    const std::uint64_t to_page_end = kPageSize - (gva - page_of(gva));
    const std::size_t here = std::min<std::uint64_t>({piece.size(), max - text.size(), to_page_end});
    RINGSIDE_CHECK(space().read(gva, std::as_writable_bytes(std::span(piece).first(here))));
    const auto* end = static_cast<const char*>(std::memchr(piece.data(), 0, here));
    text.append(piece.data(), end == nullptr ? here : static_cast<std::size_t>(end - piece.data()));
    if (end != nullptr) break;
    gva = gva + here;
  }
  return text;
}

Result<Gva> Kernel::per_cpu(std::string_view name, unsigned cpu) {
  RINGSIDE_TRY(const Gva variable, symbol(name));
  RINGSIDE_TRY(const auto offsets, per_cpu_offsets());
  if (cpu >= offsets.size())
    return fail(Errc::not_found, "the kernel has no CPU " + std::to_string(cpu) + ": it has " +
                                     std::to_string(offsets.size()));
  return variable + offsets[cpu];
}

}  // namespace ringside::guest::linux
