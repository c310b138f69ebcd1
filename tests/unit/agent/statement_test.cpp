// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/statement.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

std::vector<std::string> all_of(StatementReader& reader) {
  std::vector<std::string> all;
  while (auto one = reader.take()) all.push_back(*one);
  return all;
}

TEST(StatementReader, EndsAStatementAtASemicolonAcrossLines) {
  StatementReader reader;
  EXPECT_TRUE(reader.add("SELECT vcpu"));
  EXPECT_EQ(reader.take(), std::nullopt);
  EXPECT_TRUE(reader.begun());
  EXPECT_TRUE(reader.add("  FROM vcpus; SELECT 2;  "));
  EXPECT_EQ(all_of(reader), (std::vector<std::string>{"SELECT vcpu\n  FROM vcpus;", "SELECT 2;"}));
  EXPECT_FALSE(reader.begun());
}

TEST(StatementReader, TakesNoSemicolonInQuotesAndComments) {
  for (const char* inside :
       {"SELECT ';' AS a", "SELECT 'it''s;' AS a", "SELECT 1 AS \"x;\"", "SELECT 1 AS [y;]",
        "SELECT 1 AS `z;`", "SELECT 1 -- not yet;", "SELECT 1 /* ; */"}) {
    StatementReader reader;
    EXPECT_TRUE(reader.add(inside));
    EXPECT_EQ(reader.take(), std::nullopt) << inside;
    EXPECT_TRUE(reader.add(";"));
    EXPECT_EQ(reader.take(), std::string(inside) + "\n;");
  }
}

TEST(StatementReader, GoesOnInsideOfAnOpenQuoteOrComment) {
  StatementReader reader;
  reader.add("/* a comment;");
  EXPECT_TRUE(reader.begun());
  reader.add("ends here */ SELECT 'x;");
  EXPECT_EQ(reader.take(), std::nullopt);
  reader.add("y';");
  EXPECT_EQ(reader.take(), "SELECT 'x;\ny';");
}

TEST(StatementReader, PassesOverEmptyStatementsAndLoneComments) {
  StatementReader reader;
  reader.add(" ; ;; -- nothing");
  EXPECT_EQ(reader.take(), std::nullopt);
  EXPECT_FALSE(reader.begun());
  EXPECT_EQ(reader.take_rest(), std::nullopt);
  reader.add("SELECT 1");
  EXPECT_EQ(reader.take_rest(), "SELECT 1\n");
  EXPECT_FALSE(reader.begun());
}

TEST(StatementReader, KeepsNoMoreThanItsBound) {
  StatementReader reader;
  const std::string line(StatementReader::kMaxPending / 2, 'x');
  EXPECT_TRUE(reader.add(line));
  EXPECT_FALSE(reader.add(line));
  EXPECT_FALSE(reader.begun());
}

TEST(OnOneLine, DropsCommentsAndLineBreaks) {
  EXPECT_EQ(on_one_line("SELECT a, -- first\n   b\nFROM t /* x */ WHERE c='d';\n"),
            "SELECT a, b FROM t WHERE c='d';");
  EXPECT_EQ(on_one_line("SELECT 'a\nb';"), "SELECT 'a b';");
}

TEST(Tokenise, SaysWhatStandsOpen) {
  EXPECT_EQ(tokenise("SELECT 'a").open, '\'');
  EXPECT_EQ(tokenise("SELECT \"a").open, '"');
  EXPECT_EQ(tokenise("SELECT [a").open, '[');
  EXPECT_EQ(tokenise("SELECT /* a").open, '*');
  EXPECT_EQ(tokenise("SELECT -- a").open, '-');
  EXPECT_EQ(tokenise("SELECT -- a\n").open, 0);
  EXPECT_EQ(tokenise("SELECT ''").open, 0);
}

}  // namespace
}  // namespace ringside::agent
