// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/database.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::policies {

/// What a value of an exception is compared with: `*` stands for any bytes, also none; `\*` for a star, `\\`
/// for a backslash; all else, brackets and question marks included, for itself.
class Pattern {
 public:
  explicit Pattern(std::string text);
  /// Matches NULL and nothing else.
  static Pattern null();

  /// `text` as it is, upper and lower case apart.
  bool matches(std::string_view text) const;
  /// A cell as data. A number by its value, however either is written (decimal, or hexadecimal with 0x, as
  /// signed or as 64 bits), and with a star by its digits in both; a boolean also as true or false; bytes by
  /// their hexadecimal digits in either case; text as matches(). NULL only by null().
  bool matches(const Value& value, ColumnType type) const;

  const std::string& text() const { return text_; }  ///< as it was written
  bool operator==(const Pattern&) const = default;

 private:
  bool glob(std::string_view text, bool ignore_case) const;

  std::string text_;
  std::vector<std::string> pieces_;  ///< what stands between the stars; one more than there are stars
  std::optional<std::uint64_t> number_;
  bool null_ = false;
};

}  // namespace ringside::policies
