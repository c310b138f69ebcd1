// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/completion.h"

#include "agent/shell/statement.h"
#include "policies/tables/table.h"

#include <algorithm>
#include <array>
#include <map>

namespace ringside::agent {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}
bool same_word(std::string_view a, std::string_view b) {
  return lowered(a) == lowered(b);
}
bool starts_with_word(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && same_word(text.substr(0, prefix.size()), prefix);
}

/// "baseline" of "baseline", "\"baseline\"" and "[baseline]".
std::string_view bare(const SqlToken& token) {
  if (token.kind != SqlToken::Kind::quoted || token.text.size() < 2) return token.text;
  return token.text.substr(1, token.text.size() - 2);
}

class Collector {
 public:
  Collector(std::string_view prefix, std::size_t start) : prefix_(prefix) { completion_.start = start; }
  void add(std::string_view word) {
    if (starts_with_word(word, prefix_)) completion_.candidates.emplace_back(word);
  }
  void add(const std::vector<std::string>& words) {
    for (const auto& word : words) add(word);
  }
  /// In the case that the user writes keywords in.
  void add_keyword(std::string word) {
    const bool small =
        std::any_of(prefix_.begin(), prefix_.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    std::transform(word.begin(), word.end(), word.begin(), small ? lower : upper);
    add(word);
  }
  Completion done() {
    auto& all = completion_.candidates;
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return std::move(completion_);
  }

 private:
  std::string_view prefix_;
  Completion completion_;
};

Completion complete_command(std::string_view text, const Vocabulary& vocabulary) {
  const std::size_t start = text.find_last_of(" \t") + 1;  // npos + 1 is 0
  Collector found(text.substr(start), start);
  if (start == 0) {
    for (const auto& command : vocabulary.commands) found.add(command.name);
    return found.done();
  }
  const std::string_view name = text.substr(0, text.find_first_of(" \t"));
  for (const auto& command : vocabulary.commands) {
    if (command.name != name) continue;
    found.add(command.arguments);
    if (command.takes_table)
      for (const auto& table : vocabulary.tables) found.add(table.name);
  }
  return found.done();
}

/// What the statement reads from: names and aliases, lower case, to tables.
using Sources = std::map<std::string, const Vocabulary::Table*>;

bool is_symbol(const std::vector<SqlToken>& tokens, std::size_t at, char symbol) {
  return at < tokens.size() && tokens[at].text == std::string_view(&symbol, 1);
}

bool is_any(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view one) { return same_word(word, one); });
}

bool ends_sources(const SqlToken& token) {
  return token.text == ")" || token.text == ";" ||
         is_any(token.text, {"WHERE", "GROUP", "ORDER", "LIMIT", "HAVING", "UNION", "EXCEPT", "INTERSECT",
                             "SELECT", "WINDOW"});
}

/// Whether a table's name stands at `at`: behind FROM, JOIN, or a comma of a FROM clause.
bool names_table(const std::vector<SqlToken>& tokens, std::size_t at) {
  if (at == 0) return false;
  std::size_t before = at - 1;
  if (is_symbol(tokens, before, '.') && before >= 2) before -= 2;  // schema.table
  if (is_any(tokens[before].text, {"FROM", "JOIN"})) return true;
  if (!is_symbol(tokens, before, ',')) return false;
  unsigned depth = 0;
  while (before-- > 0) {
    const auto& token = tokens[before];
    if (token.text == ")") {
      ++depth;
    } else if (token.text == "(") {
      if (depth-- == 0) return false;
    } else if (depth == 0) {
      if (is_any(token.text, {"FROM"})) return true;
      if (ends_sources(token)) return false;
    }
  }
  return false;
}

/// `typing`: where the word stands that is being completed; it is no alias yet.
Sources sources_of(const std::vector<SqlToken>& tokens, const Vocabulary& vocabulary, std::size_t typing) {
  Sources sources;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto* table = vocabulary.table(bare(tokens[i]));
    if (table == nullptr || !names_table(tokens, i)) continue;
    sources[table->name] = table;
    std::size_t alias = i + 1;
    if (alias < tokens.size() && same_word(tokens[alias].text, "AS")) ++alias;
    if (alias >= tokens.size() || tokens[alias].kind == SqlToken::Kind::symbol || tokens[alias].at == typing)
      continue;
    const auto name = lowered(bare(tokens[alias]));
    const auto& keywords = vocabulary.keywords;
    if (std::none_of(keywords.begin(), keywords.end(),
                     [&](const auto& word) { return same_word(word, name); }))
      sources[name] = table;
  }
  return sources;
}

Completion complete_sql(std::string_view text, std::size_t cursor, const Vocabulary& vocabulary) {
  const auto before = tokenise(text.substr(0, cursor));
  if (before.open != 0) return {cursor, {}};
  std::string_view prefix;
  std::size_t at = before.tokens.size();
  if (at > 0 && before.tokens.back().at + before.tokens.back().text.size() == cursor) {
    const auto kind = before.tokens.back().kind;
    if (kind == SqlToken::Kind::number || kind == SqlToken::Kind::quoted) return {cursor, {}};
    if (kind == SqlToken::Kind::word) prefix = before.tokens[--at].text;
  }
  Collector found(prefix, cursor - prefix.size());
  const auto all = tokenise(text).tokens;
  const Sources sources = sources_of(all, vocabulary, cursor - prefix.size());
  if (at >= 2 && is_symbol(before.tokens, at - 1, '.')) {
    const auto qualifier = lowered(bare(before.tokens[at - 2]));
    if (const auto source = sources.find(qualifier); source != sources.end())
      found.add(source->second->columns);
    else if (const auto* table = vocabulary.table(qualifier); table != nullptr)
      found.add(table->columns);
    else if (qualifier == "baseline" || qualifier == "main")
      for (const auto& one : vocabulary.tables) found.add(one.name);
    return found.done();
  }
  auto until = before.tokens;
  until.resize(at);
  until.push_back({SqlToken::Kind::word, prefix, cursor - prefix.size()});
  if (names_table(until, at)) {
    for (const auto& table : vocabulary.tables) found.add(table.name);
    found.add("baseline.");
    return found.done();
  }
  for (const auto& [name, table] : sources) {
    found.add(table->columns);
    found.add(name);
  }
  if (sources.empty())
    for (const auto& table : vocabulary.tables) found.add(table.columns);
  found.add(vocabulary.functions);
  for (const auto& keyword : vocabulary.keywords) found.add_keyword(keyword);
  return found.done();
}

}  // namespace

const Vocabulary::Table* Vocabulary::table(std::string_view name) const {
  const auto found =
      std::find_if(tables.begin(), tables.end(), [&](const Table& one) { return same_word(one.name, name); });
  return found == tables.end() ? nullptr : &*found;
}

Vocabulary sql_vocabulary() {
  // What reading needs of sqlite.org/lang_keywords.html.
  static constexpr std::array kKeywords = {
      "ALL",     "AND",       "AS",      "ASC",       "BETWEEN",   "BY",     "CASE",   "CAST",
      "COLLATE", "CROSS",     "DESC",    "DISTINCT",  "ELSE",      "END",    "ESCAPE", "EXCEPT",
      "EXISTS",  "FILTER",    "FROM",    "FULL",      "GLOB",      "GROUP",  "HAVING", "IN",
      "INNER",   "INTERSECT", "IS",      "ISNULL",    "JOIN",      "LEFT",   "LIKE",   "LIMIT",
      "NATURAL", "NOT",       "NOTNULL", "NULL",      "NULLS",     "OFFSET", "ON",     "OR",
      "ORDER",   "OUTER",     "OVER",    "PARTITION", "RECURSIVE", "RIGHT",  "SELECT", "THEN",
      "UNION",   "USING",     "VALUES",  "WHEN",      "WHERE",     "WINDOW", "WITH"};
  Vocabulary vocabulary;
  vocabulary.keywords.assign(kKeywords.begin(), kKeywords.end());
  for (const auto& table : policies::tables()) {
    Vocabulary::Table one{std::string(table.name), {}};
    for (const auto& column : table.columns) one.columns.emplace_back(column.name);
    vocabulary.tables.push_back(std::move(one));
  }
  return vocabulary;
}

std::string Completion::common() const {
  if (candidates.empty()) return {};
  std::string_view shared = candidates.front();
  for (const auto& candidate : candidates) {
    const auto [end, other] = std::mismatch(shared.begin(), shared.end(), candidate.begin(), candidate.end());
    shared = shared.substr(0, static_cast<std::size_t>(end - shared.begin()));
  }
  return std::string(shared);
}

Completion complete(std::string_view text, std::size_t cursor, const Vocabulary& vocabulary) {
  cursor = std::min(cursor, text.size());
  if (text.starts_with('.')) return complete_command(text.substr(0, cursor), vocabulary);
  return complete_sql(text, cursor, vocabulary);
}

}  // namespace ringside::agent
