// SPDX-License-Identifier: Apache-2.0
// The scripts are run by the shells that they are for, as far as these are installed; bash must be.
#include "agent/completion/scripts.h"

#include "agent/cli.h"

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

namespace ringside::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

Command tree() {
  std::ostringstream sink;
  Context context(sink, sink);
  return command_tree(*make_app(context));
}

class Completion : public ::testing::Test {
 protected:
  Completion() {
    char pattern[] = "/tmp/ringside-completion.XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  ~Completion() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  /// Lines that `command` printed; it must end with 0.
  static std::vector<std::string> run(const std::string& command) {
    std::vector<std::string> lines;
    std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) ADD_FAILURE() << command;
    char line[4096];
    while (pipe != nullptr && std::fgets(line, sizeof line, pipe) != nullptr) {
      std::string text = line;
      if (text.ends_with('\n')) text.pop_back();
      lines.push_back(text);
    }
    EXPECT_EQ(::pclose(pipe), 0) << command << ": " << ::testing::PrintToString(lines);
    return lines;
  }

  static bool is_there(const std::string& shell) {
    return std::system(("command -v " + shell + " >/dev/null 2>&1").c_str()) == 0;
  }

  /// What bash offers for the last of `words`.
  std::vector<std::string> in_bash(const std::vector<std::string>& words) const {
    std::string line = "source " + write("bash", bash_completion(tree())) + "\nCOMP_WORDS=(ringside";
    for (const auto& word : words) line += ' ' + shell_quoted(word);
    line += ")\nCOMP_CWORD=" + std::to_string(words.size()) + "\ncd " + folder_.string() +
            "\n_ringside\n((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"\ntrue\n";
    return run("bash --norc --noprofile " + write("try.sh", line));
  }

  std::filesystem::path folder_;
};

TEST_F(Completion, BashCompletesVerbs) {
  EXPECT_THAT(in_bash({"ins"}), ElementsAre("inspect"));
  EXPECT_THAT(in_bash({""}), IsSupersetOf({"scan", "agent", "findings", "completion"}));
  EXPECT_THAT(in_bash({"baseline", "s"}), ElementsAre("save", "show"));
  EXPECT_THAT(in_bash({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
}

TEST_F(Completion, BashCompletesOptionsOfTheVerb) {
  EXPECT_THAT(in_bash({"scan", "--ev"}), ElementsAre("--every"));
  EXPECT_THAT(in_bash({"scan", "vm.sock", "--j"}), ElementsAre("--json"));
  EXPECT_THAT(in_bash({"findings", "ack", "--no"}), ElementsAre("--note"));
  EXPECT_THAT(in_bash({"tables", "--ev"}), IsEmpty());
  EXPECT_THAT(in_bash({"--ver"}), ElementsAre("--version"));
}

TEST_F(Completion, BashCompletesValues) {
  EXPECT_THAT(in_bash({"scan", "--color", "a"}), ElementsAre("auto", "always"));
  EXPECT_THAT(in_bash({"scan", "--color", "=", "n"}), ElementsAre("never"));
  EXPECT_THAT(in_bash({"scan", "--memory", "="}), Contains("process"));
  EXPECT_THAT(in_bash({"findings", "--severity", "h"}), ElementsAre("high"));
  EXPECT_THAT(in_bash({"scan", "--policy", "linux-tex"}), ElementsAre("linux-text"));
  EXPECT_THAT(in_bash({"tables", "proce"}), Contains("processes"));
  EXPECT_THAT(in_bash({"scan", "--every", ""}), IsEmpty());
}

TEST_F(Completion, BashCompletesPathsWhereTheyMayStand) {
  write("my vm.sock", "");
  EXPECT_THAT(in_bash({"inspect", "my"}), ElementsAre("my vm.sock"));
  EXPECT_THAT(in_bash({"agent", "--config", "my"}), ElementsAre("my vm.sock"));
  EXPECT_THAT(in_bash({"findings", "show", "my"}), IsEmpty());
}

TEST_F(Completion, EveryWordThatIsOfferedIsTaken) {
  const Command root = tree();
  int tried = 0;
  for (const Command* command : all_commands(root))
    for (const auto& option : command->options)
      for (const auto& word : option.value.words) {
        if (command->arguments.size() > 1) continue;  // which need more than a word
        std::ostringstream sink;
        Context context(sink, sink);
        const auto app = make_app(context);
        std::vector<std::string> line;
        std::istringstream path(command->path);
        for (std::string one; path >> one;) line.push_back(one);
        line.insert(line.end(), {option.names.front(), word});
        // Whatever else is missing, the value is not what is wrong.
        try {
          app->parse(std::vector<std::string>(line.rbegin(), line.rend()));
        } catch (const CLI::ValidationError& error) {
          ADD_FAILURE() << command->path << ' ' << option.names.front() << ' ' << word << ": "
                        << error.what();
        } catch (const CLI::ParseError&) {
        }
        ++tried;
      }
  EXPECT_GT(tried, 100);
}

TEST_F(Completion, ZshTakesItsScript) {
  if (!is_there("zsh")) GTEST_SKIP() << "zsh is not installed";
  EXPECT_THAT(run("zsh -f -n " + write("_ringside", zsh_completion(tree()))), IsEmpty());
  // What compinit does with a folder of $fpath.
  EXPECT_THAT(run("zsh -f -c 'fpath=(" + folder_.string() +
                  " $fpath); autoload -U compinit; compinit -D -u; print $_comps[ringside]'"),
              ElementsAre("_ringside"));
}

TEST_F(Completion, FishCompletes) {
  if (!is_there("fish")) GTEST_SKIP() << "fish is not installed";
  const std::string script = write("ringside.fish", fish_completion(tree()));
  const auto in_fish = [&](const std::string& line) {
    return run("HOME=" + folder_.string() + " fish --no-config -c 'source " + script + "; complete -C \"" +
               line + "\"'");
  };
  EXPECT_THAT(in_fish("ringside ins"), ElementsAre(StartsWith("inspect\t")));
  EXPECT_THAT(in_fish("ringside baseline s"), ElementsAre(StartsWith("save\t"), StartsWith("show\t")));
  EXPECT_THAT(in_fish("ringside scan --ev"), ElementsAre(StartsWith("--every\t")));
  EXPECT_THAT(in_fish("ringside findings --severity h"), ElementsAre(StartsWith("high")));
  EXPECT_THAT(in_fish("ringside tables --ev"), IsEmpty());
}

}  // namespace
}  // namespace ringside::agent
