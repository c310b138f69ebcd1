// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/parameter_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

std::string_view ParameterValues::name(Kind kind) {
  static constexpr std::array<std::string_view, 16> kNames = {
      "byte",  "short", "ushort",           "int",     "uint", "long",   "ulong", "ullong", "hexint",
      "charp", "bool",  "bool_enable_only", "invbool", "bint", "string", "array"};
  return kNames[static_cast<std::size_t>(kind)];
}

ParameterValues::ParameterValues(Kernel& kernel)
    : kernel_(kernel), array_(kernel, "kparam_array"), string_(kernel, "kparam_string") {
  for (auto kind = Kind::byte; kind < Kind::array; kind = static_cast<Kind>(static_cast<int>(kind) + 1))
    if (const auto at = kernel.find_symbol("param_ops_" + std::string(name(kind))))
      kinds_.emplace(at->value, kind);
  if (const auto at = kernel.find_symbol("param_array_ops")) kinds_.emplace(at->value, Kind::array);
  max_ = array_.add("max");
  element_size_ = array_.add("elemsize");
  count_ = array_.add("num");
  element_operations_ = array_.add("ops");
  elements_ = array_.add("elem");
  text_ = string_.add("string");
}

std::optional<ParameterValues::Kind> ParameterValues::kind(Gva operations) const {
  const auto found = kinds_.find(operations.value);
  return found == kinds_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> ParameterValues::type(Gva operations, Gva argument) {
  const auto known = kind(operations);
  if (!known) return std::nullopt;
  if (*known != Kind::array) return std::string(name(*known));
  if (!array_.read(argument)) return std::nullopt;
  const auto element = kind(array_.pointer(element_operations_).value_or(Gva{0}));
  if (!element || *element == Kind::array) return std::nullopt;
  return std::string(name(*element)) + "[]";
}

Result<std::uint64_t> ParameterValues::integer(Gva at, unsigned bytes, bool is_signed) {
  Field field;
  field.size = bytes;
  field.is_signed = is_signed;
  return kernel_.read_field(at, field);
}

Result<std::string> ParameterValues::text(Gva at) {
  // What vsprintf makes of pointers that are none (lib/vsprintf.c, check_pointer_msg).
  const std::uint64_t top = kernel_.pointer_size() == 4 ? 0xffffffff : ~std::uint64_t{0};
  if (at == Gva{0}) return "(null)";
  if (at.value < kPageSize || at.value > top - kPageSize) return "(efault)";
  return kernel_.read_string(at, kMaxValue);
}

Result<std::string> ParameterValues::scalar(Kind kind, Gva argument) {
  const auto number = [&](unsigned bytes, bool is_signed) -> Result<std::string> {
    RINGSIDE_TRY(const std::uint64_t value, integer(argument, bytes, is_signed));
    return is_signed ? std::to_string(static_cast<std::int64_t>(value)) : std::to_string(value);
  };
  const auto truth = [&](bool inverted) -> Result<std::string> {
    RINGSIDE_TRY(const std::uint64_t value, integer(argument, 1, false));
    return (value != 0) != inverted ? "Y" : "N";
  };
  switch (kind) {
    case Kind::byte:
      return number(1, false);
    case Kind::short_:
      return number(2, true);
    case Kind::ushort:
      return number(2, false);
    case Kind::int_:
    case Kind::bint:
      return number(4, true);
    case Kind::uint:
      return number(4, false);
    case Kind::long_:
      return number(kernel_.pointer_size(), true);
    case Kind::ulong:
      return number(kernel_.pointer_size(), false);
    case Kind::ullong:
      return number(8, false);
    case Kind::hexint: {
      RINGSIDE_TRY(const std::uint64_t value, integer(argument, 4, false));
      return fmt::format("0x{:06x}", value);  // "%#08x"; the kernel writes 0x before a zero too
    }
    case Kind::bool_:
    case Kind::bool_enable_only:
      return truth(false);
    case Kind::invbool:
      return truth(true);
    case Kind::charp: {
      RINGSIDE_TRY(const Gva at, kernel_.read_pointer(argument));
      return text(at);
    }
    case Kind::string:
      RINGSIDE_CHECK(string_.read(argument));
      return text(string_.pointer(text_).value_or(Gva{0}));
    case Kind::array:
      break;
  }
  return fail(Errc::invalid_argument, "an array is no scalar");
}

Result<std::optional<std::string>> ParameterValues::array(Gva argument) {
  RINGSIDE_CHECK(array_.read(argument));
  const auto max = array_.u32(max_), element_size = array_.u32(element_size_);
  const auto count_at = array_.pointer(count_), operations = array_.pointer(element_operations_),
             elements = array_.pointer(elements_);
  if (!max || !element_size || !count_at || !operations || !elements)
    return fail(Errc::unavailable, "the layout of struct kparam_array is not known");
  const auto element = kind(*operations);
  if (!element || *element == Kind::array) return std::nullopt;
  std::uint64_t count = *max;
  if (*count_at != Gva{0}) {
    RINGSIDE_TRY(count, integer(*count_at, 4, false));
  }
  if (count > *max || count > kMaxElements)
    return fail(Errc::out_of_bounds, fmt::format("an array of {} elements", count));
  std::string all;
  for (std::uint64_t i = 0; i < count && all.size() < kMaxValue; ++i) {
    RINGSIDE_TRY(const std::string one, scalar(*element, *elements + i * *element_size));
    all += (i == 0 ? "" : ",") + one;
  }
  return all;
}

Result<std::optional<std::string>> ParameterValues::value(Gva operations, Gva argument) {
  const auto known = kind(operations);
  if (!known) return std::nullopt;
  if (*known == Kind::array) return array(argument);
  RINGSIDE_TRY(auto text, scalar(*known, argument));
  return text;
}

}  // namespace ringside::guest::linux
