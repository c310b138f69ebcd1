// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/source_text.h"

#include <algorithm>

namespace ringside::policies {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// One character of a scalar's value as it is written in the file.
struct Unit {
  std::size_t bytes;
  bool space;
};

/// What starts `text` inside a scalar with quotes `quote` (0: none). YAML 1.2, sections 5.7 and 7.3.
Unit unit_at(std::string_view text, char quote) {
  if (quote == '\'' && text.starts_with("''")) return {2, false};
  if (quote != '"' || text.front() != '\\' || text.size() < 2) return {1, is_space(text.front())};
  switch (text[1]) {
    case 'x':
      return {4, false};
    case 'u':
      return {6, false};
    case 'U':
      return {10, false};
    case 'n':
    case 't':
    case 'r':
    case ' ':
    case '\n':
      return {2, true};
    default:
      return {2, false};
  }
}

}  // namespace

SourceText::SourceText(std::string file, std::string text) : file_(std::move(file)), text_(std::move(text)) {
  lines_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') lines_.push_back(i + 1);
}

std::size_t SourceText::position(int line, int column) const {
  if (line < 0 || column < 0) return 0;
  const auto index = std::min(static_cast<std::size_t>(line), lines_.size() - 1);
  return std::min(lines_[index] + static_cast<std::size_t>(column), text_.size());
}

Diagnostic SourceText::at(std::size_t position, std::string message, std::string hint) const {
  position = std::min(position, text_.size());
  const auto next = std::upper_bound(lines_.begin(), lines_.end(), position);
  const auto line = static_cast<std::size_t>(next - lines_.begin()) - 1;
  std::size_t end = text_.find('\n', lines_[line]);
  if (end == std::string::npos) end = text_.size();
  if (end > lines_[line] && text_[end - 1] == '\r') --end;
  Diagnostic diagnostic;
  diagnostic.file = file_;
  diagnostic.line = static_cast<unsigned>(line + 1);
  diagnostic.column = static_cast<unsigned>(position - lines_[line] + 1);
  diagnostic.message = std::move(message);
  diagnostic.source_line = text_.substr(lines_[line], end - lines_[line]);
  diagnostic.hint = std::move(hint);
  return diagnostic;
}

std::size_t SourceText::in_scalar(std::size_t start, std::string_view value, std::size_t offset) const {
  // White space is what folding changes, so count the characters that are none: they stand in the file in the
  // same order, whatever the style of the scalar.
  const auto skipped = static_cast<std::size_t>(std::count_if(
      value.begin(), value.begin() + static_cast<std::ptrdiff_t>(std::min(offset, value.size())),
      [](char c) { return !is_space(c); }));
  std::size_t at = std::min(start, text_.size());
  char quote = 0;
  if (at < text_.size() && (text_[at] == '|' || text_[at] == '>')) {
    at = std::min(text_.find('\n', at), text_.size());  // the block starts on the next line
  } else if (at < text_.size() && (text_[at] == '"' || text_[at] == '\'')) {
    quote = text_[at++];
  }
  for (std::size_t left = skipped; at < text_.size();) {
    const Unit unit = unit_at(std::string_view(text_).substr(at), quote);
    if (left == 0 && !unit.space) break;
    if (!unit.space) --left;
    at = std::min(at + unit.bytes, text_.size());
  }
  return at;
}

}  // namespace ringside::policies
