// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/module_oracle.h"

#include <cstdlib>
#include <map>
#include <set>

namespace ringside::lab {
namespace {

/// As SQL holds an address.
std::string address(const std::string& hex) {
  return std::to_string(static_cast<std::int64_t>(std::strtoull(hex.c_str(), nullptr, 16)));
}

/// "MODULE NAME VALUE": the value by module and name.
std::map<std::pair<std::string, std::string>, std::string> triples(const std::vector<std::string>& lines) {
  std::map<std::pair<std::string, std::string>, std::string> result;
  for (const std::string& line : lines) {
    const auto first = line.find(' ');
    const auto second = first == std::string::npos ? first : line.find(' ', first + 1);
    if (second != std::string::npos)
      result[{line.substr(0, first), line.substr(first + 1, second - first - 1)}] = line.substr(second + 1);
  }
  return result;
}

}  // namespace

Question symbols_question(const Oracle& oracle) {
  Question question{"symbols", "SELECT address, type, name, ifnull(module, '') FROM symbols", {}};
  for (const std::string& line : oracle.lines("kallsyms")) {
    // ADDRESS TYPE NAME, and for what is not of the image TAB [OWNER]
    const auto words = split_words(line);
    if (words.size() < 3) continue;
    const std::string owner = words.size() > 3 ? words[3].substr(1, words[3].size() - 2) : "";
    question.answer.push_back(join({address(words[0]), words[1], words[2], owner}));
  }
  return question;
}

Question modules_question(const Oracle& oracle) {
  Question question{
      "modules",
      "SELECT name, size, refcount, used_by, state, ifnull(base, 0), taints, srcversion, version, load_order "
      "FROM modules",
      {}};
  const auto facts = triples(oracle.lines("module_facts"));
  const auto fact = [&](const std::string& module, const std::string& name) {
    const auto found = facts.find({module, name});
    return found == facts.end() ? std::string("NULL") : found->second;
  };
  const auto lines = oracle.lines("modules");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    // NAME SIZE REFCOUNT USERS, STATE ADDRESS (TAINTS)
    const auto words = split_words(lines[i]);
    if (words.size() < 6) continue;
    std::string users = words[3] == "-" ? "" : words[3];
    if (users.ends_with(',')) users.pop_back();
    question.answer.push_back(
        join({words[0], words[1], words[2], users, words[4] == "Live" ? "live" : words[4], address(words[5]),
              fact(words[0], "taint"), fact(words[0], "srcversion"), fact(words[0], "version"),
              std::to_string(lines.size() - i)}));
  }
  return question;
}

Question module_sections_question(const Oracle& oracle) {
  Question question{"module sections", "SELECT module, section, address FROM module_sections", {}};
  for (const auto& [key, value] : triples(oracle.lines("module_sections")))
    question.answer.push_back(join({key.first, key.second, address(value)}));
  return question;
}

Question module_parameters_question(const Oracle& oracle, const Rows& known) {
  Question question{
      "module parameters",
      "SELECT module, name, value FROM module_parameters WHERE value IS NOT NULL AND permissions NOT "
      "IN ('0000', '0200')",
      {}};
  const std::set<std::string> names(known.begin(), known.end());
  for (const auto& [key, value] : triples(oracle.lines("module_parameters")))
    // What damon_stat shows are measurements (mm/damon/stat.c).
    if (names.contains(key.first + ' ' + key.second) && !value.starts_with('!') && key.first != "damon_stat")
      question.answer.push_back(join({key.first, key.second, value}));
  return question;
}

}  // namespace ringside::lab
