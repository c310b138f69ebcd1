// SPDX-License-Identifier: Apache-2.0
#include "tests/support/documented_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::docs {
namespace {

using ::testing::ElementsAre;
using Words = std::vector<std::string>;

Words texts(const std::vector<Command>& commands) {
  Words texts;
  for (const auto& command : commands) texts.push_back(command.text);
  return texts;
}

TEST(DocumentedCommands, AreThoseOfCodeBlocks) {
  const Page page =
      read_page("p.md",
                "# Title\n\nText with `ringside scan\nqmp` in it.\n    not code, the line before is text\n\n"
                "    $ ringside ps qmp\n    pid  comm\n\n    $ qm set 101 \\\n        --args 'x y'\n"
                "    ringside: info: is output\n    scripts/demo   # no prompt\n    A=1 B='2 3' build/x\n\n"
                "```console\n$ ringside idt qmp\n```\n```\n$ ringside gdt qmp\n```\n");
  EXPECT_THAT(texts(page.commands),
              ElementsAre("ringside ps qmp", "qm set 101 --args 'x y'", "scripts/demo   # no prompt",
                          "A=1 B='2 3' build/x", "ringside idt qmp"));
  EXPECT_EQ(page.commands[0].line, 7u);
  EXPECT_THAT(texts(page.mentions), ElementsAre("ringside scan qmp"));
}

TEST(DocumentedCommands, FilesAreBlocksThatBeginWithTheirName) {
  const Page page = read_page("p.md", "```yaml\n# a-b.yaml\nkey: 1\n```\n```yaml\n# no name\nkey: 2\n```\n");
  ASSERT_EQ(page.files.size(), 1u);
  EXPECT_EQ(page.files[0].name, "a-b.yaml");
  EXPECT_EQ(page.files[0].text, "# a-b.yaml\nkey: 1\n");
}

TEST(DocumentedCommands, AreSplitAsAShellDoes) {
  EXPECT_THAT(simple_commands("ringside query qmp \"SELECT '1|2' # 3\"   # a remark | x"),
              ElementsAre(Words{"ringside", "query", "qmp", "SELECT '1|2' # 3"}));
  EXPECT_THAT(
      simple_commands("A=1 ringside ps qmp | head -3 && (cd x; cpack) > file 2>&1 &"),
      ElementsAre(Words{"ringside", "ps", "qmp"}, Words{"head", "-3"}, Words{"cd", "x"}, Words{"cpack"}));
  EXPECT_THAT(simple_commands("incus config set web raw.qemu='-qmp unix:/x,server=on'"),
              ElementsAre(Words{"incus", "config", "set", "web", "raw.qemu=-qmp unix:/x,server=on"}));
  EXPECT_TRUE(simple_commands("# only a remark").empty());
}

}  // namespace
}  // namespace ringside::docs
