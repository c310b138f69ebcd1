// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/statement.h"

#include <algorithm>

namespace ringside::agent {

namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// One past the closing quote of the quoted text that starts at `at`; npos: it stands open. A doubled quote
/// is the character itself, but not in [brackets].
std::size_t end_of_quoted(std::string_view sql, std::size_t at) {
  const char close = sql[at] == '[' ? ']' : sql[at];
  for (std::size_t i = at + 1; i < sql.size(); ++i) {
    if (sql[i] != close) continue;
    if (close == ']' || i + 1 >= sql.size() || sql[i + 1] != close) return i + 1;
    ++i;
  }
  return std::string_view::npos;
}

}  // namespace

SqlTokens tokenise(std::string_view sql) {
  SqlTokens out;
  for (std::size_t at = 0; at < sql.size();) {
    const char c = sql[at];
    const std::string_view rest = sql.substr(at);
    std::size_t end = at + 1;
    if (is_space(c)) {
      at = end;
    } else if (rest.starts_with("--")) {
      end = sql.find('\n', at);
      if (end == std::string_view::npos) out.open = '-';
      at = std::min(end, sql.size());
    } else if (rest.starts_with("/*")) {
      end = sql.find("*/", at + 2);
      if (end == std::string_view::npos) out.open = '*';
      at = end == std::string_view::npos ? sql.size() : end + 2;
    } else if (c == '\'' || c == '"' || c == '`' || c == '[') {
      end = end_of_quoted(sql, at);
      if (end == std::string_view::npos) out.open = c;
      end = std::min(end, sql.size());
      out.tokens.push_back({SqlToken::Kind::quoted, sql.substr(at, end - at), at});
      at = end;
    } else {
      auto kind = SqlToken::Kind::symbol;
      if (is_word(c)) {
        kind = is_digit(c) ? SqlToken::Kind::number : SqlToken::Kind::word;
        while (end < sql.size() && is_word(sql[end])) ++end;
      }
      out.tokens.push_back({kind, sql.substr(at, end - at), at});
      at = end;
    }
  }
  return out;
}

bool StatementReader::add(std::string_view line) {
  if (pending_.size() + line.size() >= kMaxPending) {
    pending_.clear();
    return false;
  }
  pending_ += line;
  pending_ += '\n';
  return true;
}

std::optional<std::string> StatementReader::take() {
  const auto scanned = tokenise(pending_);
  for (std::size_t i = 0, first = 0; i < scanned.tokens.size(); ++i) {
    if (scanned.tokens[i].text != ";") continue;
    if (i == first) {  // an empty statement
      first = i + 1;
      continue;
    }
    const std::size_t begin = scanned.tokens[first].at, end = scanned.tokens[i].at + 1;
    std::string statement = pending_.substr(begin, end - begin);
    pending_.erase(0, end);
    return statement;
  }
  if (!begun()) pending_.clear();
  return std::nullopt;
}

std::optional<std::string> StatementReader::take_rest() {
  std::optional<std::string> rest;
  if (begun()) rest = pending_;
  pending_.clear();
  return rest;
}

bool StatementReader::begun() const {
  const auto scanned = tokenise(pending_);
  if (scanned.open != 0 && scanned.open != '-') return true;
  return std::any_of(scanned.tokens.begin(), scanned.tokens.end(),
                     [](const SqlToken& token) { return token.text != ";"; });
}

std::string on_one_line(std::string_view sql) {
  std::string line;
  std::size_t end = 0;
  for (const auto& token : tokenise(sql).tokens) {
    if (!line.empty() && token.at > end) line += ' ';
    line += token.text;
    end = token.at + token.text.size();
  }
  // A line break inside of quotes would be a line break in the history file.
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace ringside::agent
