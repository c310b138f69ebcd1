// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// What there is to complete to.
struct Vocabulary {
  struct Table {
    std::string name;
    std::vector<std::string> columns;
  };
  struct Command {
    std::string name;                    ///< with its dot
    std::vector<std::string> arguments;  ///< words that can follow it
    bool takes_table = false;            ///< a table's name can follow it
  };
  std::vector<Table> tables;
  std::vector<std::string> functions, keywords;
  std::vector<Command> commands;

  const Table* table(std::string_view name) const;  ///< case does not matter
};

/// The registry's tables and SQL's keywords; functions and commands are for the caller to add.
Vocabulary sql_vocabulary();

struct Completion {
  std::size_t start = 0;  ///< where the word to be replaced starts, in bytes; it ends at the cursor
  std::vector<std::string> candidates;  ///< sorted; all of them start with that word
  /// What all candidates start with.
  std::string common() const;
};

/// Completes the word that ends at `cursor` in `text`, which is a dot-command or a statement, all of its
/// lines. What stands behind the cursor counts too: `SELECT | FROM idt` offers the columns of idt.
Completion complete(std::string_view text, std::size_t cursor, const Vocabulary& vocabulary);

}  // namespace ringside::agent
