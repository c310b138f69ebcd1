// SPDX-License-Identifier: Apache-2.0
#include "agent/manual/manual.h"

#include "agent/cli.h"

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace ringside::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Manual, NamesEveryVerbAndOption) {
  std::ostringstream sink;
  Context context(sink, sink);
  const Command root = command_tree(*make_app(context));
  const std::string page =
      manual_of_verbs({"ringside", 1, "about", "1.2"}, root, "# T\n\nIntro\n\n## TARGET\n\ntext\n");
  EXPECT_THAT(page, HasSubstr("% RINGSIDE(1) ringside 1.2"));
  EXPECT_THAT(page, HasSubstr("\n# TARGET\n\ntext\n"));
  for (const Command* command : all_commands(root)) {
    if (!command->path.empty()) {
      EXPECT_THAT(page, HasSubstr("\n## ringside " + command->path));
    }
    for (const auto& option : command->options) {
      std::string dashes;
      for (const char c : option.names.front()) dashes += c == '-' ? "\\-" : std::string(1, c);
      EXPECT_THAT(page, HasSubstr("**" + dashes + "**")) << command->path;
    }
  }
}

TEST(Manual, TellsWhereAKeyOfTheConfigurationStands) {
  const std::string page = manual_of_config({"ringside.yaml", 5, "about", "1"}, R"(# The head.

# Guests here.
guests:
  # Some names. Default: none.
  #labels:
    # Of whom.
    #- guests: [a]
      # Which ones.
      #set: {a: b}
  # Not these.
  #exclude: ['x-*']
)");
  EXPECT_THAT(page, HasSubstr("# DESCRIPTION\n\nThe head\\.\n"));
  EXPECT_THAT(page, HasSubstr("# guests\n\nGuests here\\.\n"));
  EXPECT_THAT(page, HasSubstr("**guests\\.labels**\n:   Some names"));
  EXPECT_THAT(page, HasSubstr("**guests\\.labels\\[\\]\\.guests**\n"));
  EXPECT_THAT(page, HasSubstr("**guests\\.labels\\[\\]\\.set**\n"));
  EXPECT_THAT(page, HasSubstr("**guests\\.exclude**\n"));
  EXPECT_THAT(page, HasSubstr("        exclude: ['x-*']"));
}

TEST(Manual, TurnsADocumentIntoSections) {
  const std::string page =
      manual_of_document({"ringside-policy", 7, "about", "1"},
                         "# Title\n\nSee [there](other.md).\n\n## Part\n\n```\n## code [a](b)\n```\n\n"
                         "| column | type | |\n| --- | --- | --- |\n| `pid` | integer | of [it](x) \\| none "
                         "|\n| `comm` | text | |\n");
  EXPECT_THAT(page, HasSubstr("# DESCRIPTION\n\n\nSee there.\n"));
  EXPECT_THAT(page, HasSubstr("\n# Part\n"));
  EXPECT_THAT(page, HasSubstr("\n## code [a](b)\n"));
  EXPECT_THAT(page, HasSubstr("`pid`, integer\n:   of it | none\n\n`comm`, text\n:   \\ \n"));
  EXPECT_THAT(page, Not(HasSubstr("column")));
  EXPECT_THAT(page, Not(HasSubstr("Title")));
  EXPECT_THAT(
      page,
      HasSubstr("**ringside**(1), **ringside.yaml**(5), **ringside-metrics**(7), **ringside-tables**(7)"));
}

}  // namespace
}  // namespace ringside::agent
