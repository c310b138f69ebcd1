// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ringside::docs {

/// A command that a page shows to its reader.
struct Command {
  std::string page;      ///< "docs/agent.md"
  std::size_t line = 0;  ///< from 1
  std::string text;      ///< without its prompt, lines that end in \ joined
};

/// A file that a page gives in full: a fenced block whose first line is "# NAME.yaml".
struct File {
  std::string name, text;
};

struct Page {
  std::string name;
  std::vector<Command>
      commands;  ///< of code blocks: what follows "$ ", and lines that begin with a known program
  std::vector<Command> mentions;  ///< of running text: `ringside ...`
  std::vector<File> files;
};

/// `text` is Markdown. Blocks fenced with another word than "console" are files and output, never commands.
Page read_page(const std::string& name, const std::string& text);

/// README.md, CONTRIBUTING.md, compose/README.md and docs/**/*.md below `source`, the README first.
std::vector<Page> read_documentation(const std::string& source);

/// A line of shell as simple commands of words: split at | || && ; &, quotes taken off, without comments,
/// redirections and assignments of variables.
std::vector<std::vector<std::string>> simple_commands(const std::string& line);

}  // namespace ringside::docs
