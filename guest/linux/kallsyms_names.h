// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <cstddef>
#include <cstdint>
#include <optional>

// The compressed names of kallsyms and the markers, one for every 256th name, that shorten the way to one.
namespace ringside::guest::linux {

/// Names between two markers.
inline constexpr std::uint32_t kMarkerStride = 256;

/// One name as it is stored: a token number a byte.
struct CompressedName {
  std::size_t first = 0, length = 0;
  std::size_t end() const { return first + length; }
};

/// The name whose length stands at `at`: one byte, or two if bit 7 is set (ULEB128, from 6.1 on). nullopt if
/// it is empty or does not end inside `bytes`.
inline std::optional<CompressedName> compressed_name(ByteView bytes, std::size_t at) {
  if (at >= bytes.size()) return std::nullopt;
  auto length = std::to_integer<std::size_t>(bytes[at++]);
  if ((length & 0x80) != 0) {
    if (at >= bytes.size()) return std::nullopt;
    length = (length & 0x7f) | (std::to_integer<std::size_t>(bytes[at++]) << 7);
  }
  if (length == 0 || length > bytes.size() - at) return std::nullopt;
  return CompressedName{at, length};
}

/// Work that a search may still do, in steps of a few nanoseconds: hostile bytes can look like the start of
/// tables at every place.
class StepBudget {
 public:
  explicit StepBudget(std::uint64_t steps) : left_(steps) {}
  /// False: all is spent.
  bool spend(std::uint64_t steps) {
    if (steps > left_) left_ = 0;
    left_ -= left_ == 0 ? 0 : steps;
    return left_ != 0;
  }

 private:
  std::uint64_t left_;
};

/// kallsyms_num_syms, kallsyms_names and kallsyms_markers.
struct NameTables {
  std::uint32_t count = 0;
  std::size_t num_syms = 0, names = 0, names_end = 0, markers = 0;
};

/// End of `count` names from `names` on, if every 256th stands where its marker says; nullopt otherwise.
std::optional<std::size_t> walk_names(ByteView window, std::size_t names, std::size_t markers,
                                      std::uint32_t count, StepBudget& budget);

/// Searches backwards from the token table. `not_found` if nothing fits, or if the budget does not suffice.
Result<NameTables> find_names(ByteView window, std::size_t token_table, StepBudget& budget);

}  // namespace ringside::guest::linux
