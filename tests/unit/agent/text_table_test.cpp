// SPDX-License-Identifier: Apache-2.0
#include "agent/output/text_table.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

TEST(TextTable, AlignsColumnsToTheWidestCell) {
  TextTable table({{"NAME"}, {"COUNT", TextTable::Align::right}, {"NOTE"}});
  table.add({"a", "5", "short"});
  table.add({"longer", "1234567", ""});
  EXPECT_EQ(table.render(Style(false)),
            "NAME      COUNT  NOTE\n"
            "a             5  short\n"
            "longer  1234567\n");
}

TEST(TextTable, AlignsTheSameWithColour) {
  TextTable table({{"A"}, {"B"}});
  table.add({Style(true).red("x"), "1"});
  table.add({"yyy", "2"});
  EXPECT_EQ(table.render(Style(false)), "A    B\n\x1b[1;31mx\x1b[0m    1\nyyy  2\n");
}

TEST(TextTable, FillsMissingCellsAndDropsExtraOnes) {
  TextTable table({{"A"}, {"B"}});
  table.add({"1"});
  table.add({"1", "2", "3"});
  EXPECT_EQ(table.render(Style(false), 2), "  A  B\n  1\n  1  2\n");
}

TEST(FactList, AlignsValues) {
  FactList facts;
  facts.add("guest", "vm1");
  facts.add("accelerator", "tcg");
  facts.add("", "continued");
  EXPECT_EQ(facts.render(Style(false)), "guest:       vm1\naccelerator: tcg\n             continued\n");
}

}  // namespace
}  // namespace ringside::agent
