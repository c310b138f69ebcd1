// SPDX-License-Identifier: Apache-2.0
#include "agent/manual/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <sstream>

namespace ringside::agent {

namespace manual {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::ispunct(static_cast<unsigned char>(c)) &&
        std::string_view("\\`*_{}[]<>()#+-.!|~^$@'\"").find(c) != std::string_view::npos)
      out += '\\';
    out += c;
  }
  return out;
}

std::string head(const ManualPage& page) {
  std::string title = page.name;
  std::transform(title.begin(), title.end(), title.begin(), [](unsigned char c) { return std::toupper(c); });
  return fmt::format("% {}({}) ringside {} | ringside\n\n# NAME\n\n{} - {}\n\n", title, page.section,
                     page.version, page.name, page.about);
}

std::string see_also(const ManualPage& page) {
  std::string out = "\n# SEE ALSO\n\n";
  bool first = true;
  for (const char* const other : {"ringside(1)", "ringside.yaml(5)", "ringside-metrics(7)",
                                  "ringside-policy(7)", "ringside-tables(7)"}) {
    if (fmt::format("{}({})", page.name, page.section) == other) continue;
    const std::string_view text = other;
    out += fmt::format("{}**{}**{}", first ? "" : ", ", text.substr(0, text.find('(')),
                       text.substr(text.find('(')));
    first = false;
  }
  return out + '\n';
}

namespace {

/// The cells of a line of a table, "| a | b |".
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|')
      cells.back() += line[++i];
    else if (line[i] == '|')
      cells.emplace_back();
    else
      cells.back() += line[i];
  }
  cells.pop_back();  // behind the last bar
  for (auto& cell : cells) {
    cell.erase(0, std::min(cell.find_first_not_of(' '), cell.size()));
    cell.erase(cell.find_last_not_of(' ') + 1);
  }
  return cells;
}

/// Manuals have lists where a page for browsers has tables: what the last cell says of the others.
std::string definition(const std::vector<std::string>& cells) {
  std::string term;
  for (std::size_t i = 0; i + 1 < cells.size(); ++i) term += (i == 0 ? "" : ", ") + cells[i];
  return term + "\n:   " + (cells.back().empty() ? "\\ " : cells.back()) + "\n\n";
}

}  // namespace

std::string sections_of(const std::string& text) {
  static const std::regex link(R"(\[([^\]]+)\]\((?!https?:)[^)]*\))");
  std::string out;
  bool code = false, table = false;
  for (const auto& line : lines_of(text)) {
    if (line.starts_with("```")) code = !code;
    const bool row = !code && line.starts_with("|") && line.ends_with("|");
    if (row && line.starts_with("| ---")) table = true;
    if (row && table && !line.starts_with("| ---"))
      out += definition(cells_of(std::regex_replace(line, link, "$1")));
    if (row) continue;  // the head of a table says nothing that a list needs
    table = false;
    if (code || line.starts_with("    "))
      out += line;
    else if (line.starts_with("##"))
      out += line.substr(1);
    else if (!line.starts_with("# "))
      out += std::regex_replace(line, link, "$1");
    out += '\n';
  }
  return out;
}

}  // namespace manual

std::string manual_of_document(const ManualPage& page, const std::string& text) {
  const std::string sections = manual::sections_of(text);
  const auto first = sections.find("\n# ");
  return manual::head(page) + "# DESCRIPTION\n" + sections.substr(0, first) + '\n' +
         (first == sections.npos ? "" : sections.substr(first + 1)) + manual::see_also(page);
}

}  // namespace ringside::agent
