// SPDX-License-Identifier: Apache-2.0
#include "agent/tables_reference.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace ringside::agent {
namespace {

TEST(TablesReference, TheShippedPageIsUpToDate) {
  std::ifstream file(std::string(RINGSIDE_SOURCE_DIR) + "/docs/tables.md");
  ASSERT_TRUE(file) << "docs/tables.md is missing";
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), tables_markdown()) << "run: ringside tables --markdown > docs/tables.md";
}

TEST(TablesReference, DescribesEveryColumnOfEveryTable) {
  const std::string page = tables_markdown();
  for (const auto& table : policies::tables()) {
    EXPECT_NE(page.find("\n## " + std::string(table.name) + "\n"), std::string::npos) << table.name;
    for (const auto& column : table.columns)
      EXPECT_NE(page.find("| `" + std::string(column.name) + "` |"), std::string::npos) << column.name;
  }
}

}  // namespace
}  // namespace ringside::agent
