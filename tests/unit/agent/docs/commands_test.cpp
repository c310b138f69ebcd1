// SPDX-License-Identifier: Apache-2.0
// What README and docs/ tell the reader to type is held against the program's own command line;
// tests/e2e/docs.cpp also runs it.
#include "agent/cli.h"
#include "agent/completion/command_tree.h"
#include "agent/context.h"
#include "tests/support/documented_commands.h"

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace ringside::agent {
namespace {

using Words = std::vector<std::string>;

const std::vector<docs::Page>& pages() {
  static const auto kPages = docs::read_documentation(RINGSIDE_SOURCE_DIR);
  return kPages;
}

/// What is typed in a container of the lab: the words after `docker compose exec SERVICE`.
Words of_container(Words words) {
  const Words prefix = {"docker", "compose", "exec"};
  if (words.size() > 4 && std::equal(prefix.begin(), prefix.end(), words.begin()))
    words.erase(words.begin(), words.begin() + 4);
  return words;
}

TEST(DocumentedCommandLine, IsAcceptedByTheProgram) {
  std::size_t seen = 0;
  for (const auto& page : pages())
    for (const auto& command : page.commands)
      for (const auto& typed : docs::simple_commands(command.text)) {
        const auto words = of_container(typed);
        if (words.front() != "ringside") continue;
        ++seen;
        std::ostringstream sink;
        Context context(sink, sink);
        try {
          // CLI11 takes the arguments last first.
          make_app(context)->parse(Words(words.rbegin(), words.rend() - 1));
        } catch (const CLI::Success&) {
        } catch (const CLI::ParseError& error) {
          ADD_FAILURE() << command.page << ':' << command.line << ": " << command.text << "\n  "
                        << error.what();
        }
      }
  EXPECT_GT(seen, 40u);
}

const Command* verb_of(const Command& command, const std::string& name) {
  const auto found = std::find_if(command.verbs.begin(), command.verbs.end(),
                                  [&](const Command& verb) { return verb.name == name; });
  return found == command.verbs.end() ? nullptr : &*found;
}

/// What is wrong with a command that running text mentions, which may leave out what does not matter there.
std::string wrong_with(const Words& words, const Command& root) {
  const Command* command = &root;
  std::size_t i = 1;
  // VERB stands for any.
  if (words.size() > 1 && words[1] == "VERB") return "";
  for (; i < words.size(); ++i) {
    const Command* verb = verb_of(*command, words[i]);
    if (verb == nullptr) break;
    command = verb;
  }
  if (command == &root && i < words.size() && !words[i].starts_with('-')) return "no verb " + words[i];
  if (i < words.size() && !words[i].starts_with('-') && command->arguments.empty())
    return "`" + command->path + "` has no verb or argument " + words[i];
  for (; i < words.size(); ++i) {
    const auto& word = words[i];
    if (!word.starts_with('-')) continue;
    const bool known = std::any_of(command->options.begin(), command->options.end(), [&](const auto& option) {
      return std::find(option.names.begin(), option.names.end(), word) != option.names.end();
    });
    if (!known) return "no option " + word;
  }
  return "";
}

TEST(DocumentedCommandLine, IsMentionedWithVerbsAndOptionsThatExist) {
  std::ostringstream sink;
  Context context(sink, sink);
  const Command root = command_tree(*make_app(context));
  for (const auto& page : pages())
    for (const auto& mention : page.mentions)
      for (const auto& words : docs::simple_commands(mention.text)) {
        // Of `completion bash|zsh|fish` only the first part is a command.
        if (words.front() != "ringside") break;
        EXPECT_EQ(wrong_with(words, root), "") << page.name << ": " << mention.text;
      }
  EXPECT_EQ(wrong_with({"ringside", "nothing"}, root), "no verb nothing");
  EXPECT_EQ(wrong_with({"ringside", "scan", "qmp", "--nothing"}, root), "no option --nothing");
  EXPECT_NE(wrong_with({"ringside", "evidence", "nothing"}, root), "");
}

struct NotRun {
  const char* program;
  const char* why;
};
/// Programs in these pages that are not ours, and why no test of the pages runs them.
constexpr NotRun kNotRun[] = {
    {"./attack", "scripts/test-lab plays that page"},
    {"./reset", "scripts/test-lab plays that page"},
    {"apt", "changes the machine"},
    {"build/ci/e2e_linux_busy", "a test of its own"},
    {"cd", "goes with cpack"},
    {"cmake", "building is what brought this test about"},
    {"cpack", "takes a whole build"},
    {"ctest", "would run itself"},
    {"docker", "scripts/test-lab plays that page"},
    {"echo", "changes AppArmor's profile of libvirt"},
    {"editor", "wants a person"},
    {"incus", "needs Incus"},
    {"kubectl", "needs KubeVirt"},
    {"qemu-system-x86_64", "needs a disk image and KVM; guests of tests are started with the same options"},
    {"qm", "needs Proxmox VE"},
    {"scripts/demo", "is run by itself"},
    {"scripts/install-deps", "comes first of all in scripts/test"},
    {"scripts/kernel-types", "wants a package of 700 MB; RINGSIDE_LAB_TYPES=1 tries it on guests"},
    {"scripts/test", "runs this test"},
    {"scripts/tidy", "is run by scripts/test"},
    {"systemctl", "needs systemd, and changes the machine"},
    {"virsh", "needs the host's libvirt; e2e_libvirt has one of its own"},
};

TEST(DocumentedCommandLine, HasAReasonWhereItIsNotRun) {
  std::set<std::string> left;
  for (const auto& [program, why] : kNotRun) left.insert(program);
  const auto known = left;
  for (const auto& page : pages())
    for (const auto& command : page.commands)
      for (const auto& words : docs::simple_commands(command.text)) {
        if (words.front() == "ringside") continue;
        EXPECT_TRUE(known.contains(words.front()))
            << command.page << ':' << command.line << ": " << words.front();
        left.erase(words.front());
      }
  EXPECT_THAT(left, ::testing::IsEmpty()) << "no page shows these any more: take them off the list";
}

}  // namespace
}  // namespace ringside::agent
