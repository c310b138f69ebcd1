// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <cstdint>
#include <string_view>

namespace ringside::guest::linux {

/// Where a member stands in its struct.
struct Field {
  std::uint32_t offset =
      0;  ///< bytes from the start of the outermost struct; of a bit field: of its first byte
  std::uint32_t size = 0;  ///< bytes in all (an array's too); of a bit field: of the bytes that it touches
  std::uint8_t bit_offset = 0;  ///< of a bit field: bits above the lowest of those bytes
  std::uint8_t bit_size = 0;    ///< bits of a bit field; 0: no bit field
  bool is_signed = false;       ///< a signed integer or enum
  bool is_pointer = false;
  std::uint32_t count = 0;         ///< elements of an array, of all its dimensions; 0: no array
  std::uint32_t element_size = 0;  ///< bytes of one element of an array
  bool operator==(const Field&) const = default;
};

/// The layouts of a kernel's types.
class Types {
 public:
  virtual ~Types() = default;

  /// A member by its dotted path through nested structs and unions, the anonymous ones left out
  /// ("mm.mm_mt.ma_root" is written "mm_mt.ma_root"); `name[2]` is an element of an array. `type` is the name
  /// of a struct or union, or of a typedef of one. Errors: `not_found` ("struct task_struct has no member
  /// `state`"), `unavailable` where this kernel has no type information and the member could not be found
  /// another way.
  virtual Result<Field> field(std::string_view type, std::string_view path) const = 0;
  /// Bytes of a struct, union, enum, integer or typedef.
  virtual Result<std::uint64_t> size_of(std::string_view type) const = 0;
  /// The value of an enumerator by its own name ("MOD_TEXT"); `enum_name` narrows it, empty: any enum.
  virtual Result<std::int64_t> enumerator(std::string_view enum_name, std::string_view name) const = 0;

  bool has(std::string_view type, std::string_view path) const { return field(type, path).has_value(); }
};

}  // namespace ringside::guest::linux
