// SPDX-License-Identifier: Apache-2.0
#include "agent/manual/page.h"

#include <fmt/format.h>

#include <regex>

namespace ringside::agent {

namespace {

/// "outputs[].kind": where a key stands, followed line by line.
class Place {
 public:
  std::string enter(std::size_t indent, bool element, const std::string& key) {
    const std::size_t depth = indent / 2;
    if (path_.size() > depth) path_.resize(depth);
    if (element) {
      path_.resize(depth);
      path_.emplace_back("[]");
    }
    path_.push_back(key);
    std::string out;
    for (const auto& part : path_) out += (out.empty() || part == "[]" ? "" : ".") + part;
    return out;
  }

 private:
  std::vector<std::string> path_;
};

}  // namespace

std::string manual_of_config(const ManualPage& page, const std::string& yaml) {
  static const std::regex comment("^ *#(?: (.*))?$"), setting("^( *)#?(- )?([A-Za-z]+): ?(.*)$");
  std::string out = manual::head(page) + "# DESCRIPTION\n\n";
  std::string said;
  Place place;
  for (const auto& line : manual::lines_of(yaml)) {
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      const std::string text = match[1];
      said += text.empty() ? "\n\n" : manual::plain(text) + '\n';
    } else if (std::regex_match(line, match, setting)) {
      const std::size_t indent = match[1].str().size();
      const std::string path = place.enter(indent, match[2].matched, match[3]);
      if (indent == 0)
        out += fmt::format("# {}\n\n{}\n", path, said);
      else if (!said.empty()) {
        out += fmt::format("**{}**\n:   ", manual::plain(path));
        for (const auto& one : manual::lines_of(said)) out += one + "\n    ";
        if (match[4].length() != 0) out += fmt::format("\n\n        {}: {}", match[3].str(), match[4].str());
        out += "\n\n";
      }
      said.clear();
    } else {
      // An empty line ends what stands at the head of the file.
      out += said + '\n';
      said.clear();
    }
  }
  return out + "# FILES\n\n*/etc/ringside/ringside.yaml*, */etc/ringside/conf.d/\\*.yaml*\n" +
         manual::see_also(page);
}

}  // namespace ringside::agent
