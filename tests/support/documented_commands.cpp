// SPDX-License-Identifier: Apache-2.0
#include "tests/support/documented_commands.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace ringside::docs {

namespace {

/// A line of a code block is a command without a prompt, too, if it begins with one of these.
bool begins_with_a_program(const std::string& line) {
  static const std::regex program(
      "([A-Z_]+=('[^']*'|\\S*) )*"
      "(ringside|scripts/\\S+|build/\\S+|\\./"
      "\\S+|cmake|ctest|apt|systemctl|editor|virsh|qm|incus|kubectl|docker|"
      "qemu-system-\\S+)( .*)?");
  return std::regex_match(line, program);
}

/// What one line of Markdown is to us.
class Reader {
 public:
  explicit Reader(std::string name) { page_.name = std::move(name); }

  void take(const std::string& line) {
    ++number_;
    if (fenced_ || line.starts_with("```")) {
      in_fence(line);
    } else if (line.starts_with("    ") && (indented_ || empty_before_)) {
      indented_ = true;
      code(line.substr(4));
    } else {
      if (!line.empty()) indented_ = false;
      prose_ += line + '\n';
    }
    empty_before_ = line.empty();
  }

  Page finish() {
    static const std::regex span("`(ringside [^`]+)`");
    for (std::sregex_iterator it(prose_.begin(), prose_.end(), span), end; it != end; ++it) {
      std::string text = (*it)[1];
      std::replace(text.begin(), text.end(), '\n', ' ');
      page_.mentions.push_back({page_.name, 0, std::move(text)});
    }
    return std::move(page_);
  }

 private:
  void in_fence(const std::string& line) {
    if (!line.starts_with("```")) {
      if (console_)
        code(line);
      else
        body_ += line + '\n';
      return;
    }
    if (!fenced_) {
      console_ = line == "```console";
      body_.clear();
    } else {
      static const std::regex named("# ([a-z0-9-]+\\.yaml)");
      const std::string first = body_.substr(0, body_.find('\n'));
      if (std::smatch match; std::regex_match(first, match, named)) page_.files.push_back({match[1], body_});
      body_.clear();
    }
    fenced_ = !fenced_;
  }

  void code(const std::string& line) {
    if (continues_) {
      auto& text = page_.commands.back().text;
      text.pop_back();
      text += line.substr(std::min(line.find_first_not_of(' '), line.size()));
    } else if (line.starts_with("$ ")) {
      page_.commands.push_back({page_.name, number_, line.substr(2)});
    } else if (begins_with_a_program(line)) {
      page_.commands.push_back({page_.name, number_, line});
    } else {
      return;
    }
    continues_ = page_.commands.back().text.ends_with('\\');
  }

  Page page_;
  std::string prose_, body_;
  std::size_t number_ = 0;
  bool fenced_ = false, console_ = false, indented_ = false, empty_before_ = true, continues_ = false;
};

/// Words and operators of a line; an operator is a word of its own, marked.
struct Token {
  std::string text;
  bool operation = false;
};

std::vector<Token> tokens_of(const std::string& line) {
  std::vector<Token> tokens;
  std::string word;
  bool in_word = false;
  const auto end_word = [&] {
    if (in_word) tokens.push_back({std::move(word), false});
    word.clear();
    in_word = false;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\'' || c == '"') {
      const auto close = std::min(line.find(c, i + 1), line.size());
      word += line.substr(i + 1, close - i - 1);
      in_word = true;
      i = close;
    } else if (c == '#' && !in_word) {
      break;
    } else if (c == ' ') {
      end_word();
    } else if (std::string_view("|&;()<>").find(c) != std::string_view::npos) {
      // The number of a descriptor goes with its redirection.
      if ((c == '<' || c == '>') && word.find_first_not_of("0123456789") == std::string::npos)
        in_word = false;
      end_word();
      std::string operation(1, c);
      while (i + 1 < line.size() && std::string_view("|&>").find(line[i + 1]) != std::string_view::npos)
        operation += line[++i];
      tokens.push_back({operation, true});
    } else {
      word += c;
      in_word = true;
    }
  }
  end_word();
  return tokens;
}

bool is_assignment(const std::string& word) {
  static const std::regex assignment("[A-Za-z_][A-Za-z0-9_]*=.*");
  return std::regex_match(word, assignment);
}

}  // namespace

Page read_page(const std::string& name, const std::string& text) {
  Reader reader(name);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) reader.take(line);
  return reader.finish();
}

std::vector<Page> read_documentation(const std::string& source) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source + "/docs"))
    if (entry.path().extension() == ".md")
      names.push_back(std::filesystem::relative(entry.path(), source).string());
  std::sort(names.begin(), names.end());
  names.insert(names.begin(), {"README.md", "CONTRIBUTING.md", "compose/README.md"});
  std::vector<Page> pages;
  for (const auto& name : names) {
    std::ifstream file(source + '/' + name);
    pages.push_back(read_page(name, {std::istreambuf_iterator<char>(file), {}}));
  }
  return pages;
}

std::vector<std::vector<std::string>> simple_commands(const std::string& line) {
  std::vector<std::vector<std::string>> commands(1);
  bool file_follows = false;
  for (const auto& token : tokens_of(line)) {
    if (token.operation) {
      file_follows = token.text.find_first_of("<>") != std::string::npos;
      if (!file_follows && !commands.back().empty()) commands.emplace_back();
    } else if (file_follows) {
      file_follows = false;
    } else if (!commands.back().empty() || !is_assignment(token.text)) {
      commands.back().push_back(token.text);
    }
  }
  if (commands.back().empty()) commands.pop_back();
  return commands;
}

}  // namespace ringside::docs
