// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/style.h"

#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// Rows in aligned columns, two spaces apart, with one heading line. Cells may carry Style's marks.
class TextTable {
 public:
  enum class Align { left, right };
  struct Column {
    std::string heading;
    Align align = Align::left;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// Missing cells are empty; cells beyond the columns are dropped.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }
  /// Lines that end in "\n", without trailing blanks. `indent` blanks start each.
  std::string render(const Style& style, std::size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// "Name: value" lines with the values aligned.
class FactList {
 public:
  void add(std::string name, std::string value) { facts_.emplace_back(std::move(name), std::move(value)); }
  std::string render(const Style& style, std::size_t indent = 0) const;

 private:
  std::vector<std::pair<std::string, std::string>> facts_;
};

}  // namespace ringside::agent
