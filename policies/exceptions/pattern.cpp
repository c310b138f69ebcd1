// SPDX-License-Identifier: Apache-2.0
#include "policies/exceptions/pattern.h"

#include "base/bytes.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::policies {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same(char a, char b, bool ignore_case) {
  return ignore_case ? lower(a) == lower(b) : a == b;
}

/// Decimal with or without a sign, or hexadecimal, as 64 bits.
std::optional<std::uint64_t> number_of(std::string_view text) {
  const bool negative = text.starts_with('-') && !text.starts_with("-0x") && !text.starts_with("-0X");
  const auto value = parse_number(negative ? text.substr(1) : text);
  if (!value || (negative && *value > std::uint64_t{1} << 63)) return std::nullopt;
  return negative ? std::uint64_t{0} - *value : *value;
}

}  // namespace

Pattern::Pattern(std::string text) : text_(std::move(text)), pieces_(1) {
  for (std::size_t i = 0; i < text_.size(); ++i) {
    const bool escaped =
        text_[i] == '\\' && i + 1 < text_.size() && (text_[i + 1] == '*' || text_[i + 1] == '\\');
    if (escaped)
      pieces_.back() += text_[++i];
    else if (text_[i] == '*')
      pieces_.emplace_back();
    else
      pieces_.back() += text_[i];
  }
  if (pieces_.size() == 1) number_ = number_of(pieces_[0]);
}

Pattern Pattern::null() {
  Pattern pattern("NULL");
  pattern.null_ = true;
  return pattern;
}

bool Pattern::glob(std::string_view text, bool ignore_case) const {
  const auto equal = [&](std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return same(x, y, ignore_case); });
  };
  const std::string& first = pieces_.front();
  if (pieces_.size() == 1) return equal(text, first);
  const std::string& last = pieces_.back();
  if (text.size() < first.size() + last.size() || !equal(text.substr(0, first.size()), first) ||
      !equal(text.substr(text.size() - last.size()), last))
    return false;
  text = text.substr(first.size(), text.size() - first.size() - last.size());
  // The first place where a piece fits leaves most for those behind it, so that nothing is tried twice.
  for (std::size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const auto found = std::search(text.begin(), text.end(), pieces_[i].begin(), pieces_[i].end(),
                                   [&](char x, char y) { return same(x, y, ignore_case); });
    if (found == text.end() && !pieces_[i].empty()) return false;
    text.remove_prefix(static_cast<std::size_t>(found - text.begin()) + pieces_[i].size());
  }
  return true;
}

bool Pattern::matches(std::string_view text) const {
  return !null_ && glob(text, false);
}

bool Pattern::matches(const Value& value, ColumnType type) const {
  if (std::holds_alternative<std::monostate>(value)) return null_;
  if (null_) return false;
  if (const auto* text = std::get_if<std::string>(&value)) return glob(*text, type == ColumnType::bytes);
  const auto number = std::get<std::int64_t>(value);
  const auto bits = static_cast<std::uint64_t>(number);
  if (type == ColumnType::boolean && glob(number != 0 ? "true" : "false", true)) return true;
  if (number_) return *number_ == bits;
  if (pieces_.size() == 1) return false;
  return glob(std::to_string(number), false) || glob(std::to_string(bits), false) ||
         glob(hex_address(bits), true) || glob(fmt::format("0x{:x}", bits), true);
}

}  // namespace ringside::policies
