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
    if (std::ispunct(static_cast<unsigned char>(c)) && std::string_view("\\`*_{}[]<>()#+-.!|~^$@'\"").find(c) != std::string_view::npos)
      out += '\\';
    out += c;
  }
  return out;
}

std::string head(const ManualPage& page) {
  std::string title = page.name;
  std::transform(title.begin(), title.end(), title.begin(), [](unsigned char c) { return std::toupper(c); });
  return fmt::format("% {}({}) ringside {} | ringside\n\n# NAME\n\n{} - {}\n\n", title, page.section, page.version,
                     page.name, page.about);
}

std::string see_also(const ManualPage& page) {
  std::string out = "\n# SEE ALSO\n\n";
  bool first = true;
  for (const char* const other : {"ringside(1)", "ringside.yaml(5)", "ringside-policy(7)", "ringside-tables(7)"}) {
    if (fmt::format("{}({})", page.name, page.section) == other) continue;
    const std::string_view text = other;
    out += fmt::format("{}**{}**{}", first ? "" : ", ", text.substr(0, text.find('(')), text.substr(text.find('(')));
    first = false;
  }
  return out + '\n';
}

std::string sections_of(const std::string& text) {
  static const std::regex link(R"(\[([^\]]+)\]\((?!https?:)[^)]*\))");
  std::string out;
  bool code = false;
  for (const auto& line : lines_of(text)) {
    if (line.starts_with("```")) code = !code;
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
