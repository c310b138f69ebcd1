// SPDX-License-Identifier: Apache-2.0
#include "agent/output/text_table.h"

#include <algorithm>

namespace ringside::agent {

void TextTable::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

namespace {

void put(std::string& line, const std::string& cell, std::size_t width, TextTable::Align align) {
  const std::size_t blanks = width - std::min(width, display_width(cell));
  if (align == TextTable::Align::right) line.append(blanks, ' ');
  line += cell;
  if (align == TextTable::Align::left) line.append(blanks, ' ');
}

void end_line(std::string& out, std::string line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  out += line;
  out += '\n';
}

}  // namespace

std::string TextTable::render(const Style& style, std::size_t indent) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = display_width(columns_[c].heading);
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  std::string out;
  std::string heading(indent, ' ');
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (c > 0) heading += "  ";
    put(heading, style.bold(columns_[c].heading), widths[c], columns_[c].align);
  }
  end_line(out, std::move(heading));
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) line += "  ";
      put(line, row[c], widths[c], columns_[c].align);
    }
    end_line(out, std::move(line));
  }
  return out;
}

std::string FactList::render(const Style& style, std::size_t indent) const {
  std::size_t width = 0;
  for (const auto& [name, value] : facts_) width = std::max(width, display_width(name));
  std::string out;
  for (const auto& [name, value] : facts_) {
    std::string line(indent, ' ');
    put(line, name.empty() ? name : style.bold(name + ":"), width + 2, TextTable::Align::left);
    line += value;
    end_line(out, std::move(line));
  }
  return out;
}

}  // namespace ringside::agent
