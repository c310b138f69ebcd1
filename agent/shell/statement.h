// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// A piece of SQL, as much of its grammar as it takes to end statements and to complete words.
struct SqlToken {
  enum class Kind { word, quoted, number, symbol };
  Kind kind{};
  std::string_view text;  ///< of `quoted` with its quotes
  std::size_t at = 0;     ///< bytes from the start
};

/// The tokens of `sql` without blanks and comments (sqlite.org/lang.html, src/tokenize.c).
struct SqlTokens {
  std::vector<SqlToken> tokens;
  /// What stands open at the end: a quote character, '*' for a block comment, '-' for a line comment that the
  /// end of the text cuts, or 0.
  char open = 0;
};
SqlTokens tokenise(std::string_view sql);

/// Puts statements together from lines. A statement ends at a semicolon outside of quotes and comments.
class StatementReader {
 public:
  /// Bytes that are kept; what is longer is no statement that the database would take.
  static constexpr std::size_t kMaxPending = 128 * 1024;

  /// False: too long, all that was pending is dropped.
  bool add(std::string_view line);
  /// The next whole statement with its semicolon; empty ones are passed over.
  std::optional<std::string> take();
  /// What waits for its semicolon, at the end of the input; nullopt if it is but blanks and comments.
  std::optional<std::string> take_rest();
  /// Whether a statement has begun.
  bool begun() const;
  /// The text of the statement that has begun.
  const std::string& pending() const { return pending_; }
  void clear() { pending_.clear(); }

 private:
  std::string pending_;
};

/// `sql` as one line, without comments, for the history.
std::string on_one_line(std::string_view sql);

}  // namespace ringside::agent
