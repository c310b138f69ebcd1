// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/completion.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringside::agent {
namespace {

Vocabulary vocabulary() {
  Vocabulary v = sql_vocabulary();
  v.tables = {{"idt", {"vcpu", "vector", "handler"}}, {"gdt", {"vcpu", "base"}}, {"guest", {"uuid"}}};
  v.functions = {"hex_address", "max"};
  v.commands = {{".help", {}, false}, {".mode", {"table", "json", "csv"}, false}, {".schema", {}, true}};
  return v;
}

/// Completes at the mark |.
Completion at(std::string text) {
  const std::size_t cursor = text.find('|');
  text.erase(cursor, 1);
  return complete(text, cursor, vocabulary());
}

using Words = std::vector<std::string>;
bool has(const Completion& found, const std::string& word) {
  return std::find(found.candidates.begin(), found.candidates.end(), word) != found.candidates.end();
}

TEST(Completion, OffersTablesBehindFromAndJoin) {
  EXPECT_EQ(at("SELECT * FROM |").candidates, (Words{"baseline.", "gdt", "guest", "idt"}));
  EXPECT_EQ(at("SELECT * FROM g|").candidates, (Words{"gdt", "guest"}));
  EXPECT_EQ(at("select * from idt join g|").candidates, (Words{"gdt", "guest"}));
  EXPECT_EQ(at("SELECT * FROM idt AS i, g|").candidates, (Words{"gdt", "guest"}));
  EXPECT_EQ(at("SELECT * FROM baseline.i|").candidates, (Words{"idt"}));
  EXPECT_EQ(at("SELECT * FROM (SELECT 1), i|").candidates, (Words{"idt"}));
}

TEST(Completion, OffersColumnsOfTheTablesThatTheStatementNames) {
  const auto found = at("SELECT v| FROM idt");
  EXPECT_TRUE(has(found, "vcpu"));
  EXPECT_TRUE(has(found, "vector"));
  EXPECT_FALSE(has(at("SELECT u| FROM idt"), "uuid"));
  EXPECT_TRUE(has(at("SELECT u|"), "uuid")) << "no table is named yet";
  EXPECT_TRUE(has(at("SELECT * FROM idt WHERE ha|"), "handler"));
  EXPECT_TRUE(has(at("SELECT max(ve|) FROM idt"), "vector"));
}

TEST(Completion, KnowsQualifiersAndAliases) {
  EXPECT_EQ(at("SELECT idt.v| FROM idt").candidates, (Words{"vcpu", "vector"}));
  EXPECT_EQ(at("SELECT i.| FROM idt i").candidates, (Words{"handler", "vcpu", "vector"}));
  EXPECT_EQ(at("SELECT g.b| FROM idt AS i JOIN gdt AS g").candidates, (Words{"base"}));
  EXPECT_TRUE(at("SELECT x.| FROM idt i").candidates.empty());
  EXPECT_TRUE(at("SELECT where.| FROM idt WHERE 1").candidates.empty()) << "a keyword is no alias";
}

TEST(Completion, WritesKeywordsInTheCaseOfTheUser) {
  EXPECT_EQ(at("sel|").candidates, (Words{"select"}));
  EXPECT_EQ(at("SEL|").candidates, (Words{"SELECT"}));
  EXPECT_EQ(at("SELECT * FROM idt WHER|").candidates, (Words{"WHERE"}));
  EXPECT_TRUE(has(at("SELECT he|"), "hex_address"));
}

TEST(Completion, OffersNothingInQuotesCommentsAndNumbers) {
  for (const char* text : {"SELECT 'v|", "SELECT * FROM idt WHERE x = 'v|'", "SELECT -- v|", "SELECT /* v|",
                           "SELECT 1|", "SELECT \"v\"|"})
    EXPECT_TRUE(at(text).candidates.empty()) << text;
}

TEST(Completion, CompletesDotCommandsAndTheirArguments) {
  EXPECT_EQ(at(".|").candidates, (Words{".help", ".mode", ".schema"}));
  EXPECT_EQ(at(".m|").candidates, (Words{".mode"}));
  EXPECT_EQ(at(".mode |").candidates, (Words{"csv", "json", "table"}));
  EXPECT_EQ(at(".schema g|").candidates, (Words{"gdt", "guest"}));
  EXPECT_EQ(at(".schema g|").start, 8u);
  EXPECT_TRUE(at(".help x|").candidates.empty());
}

TEST(Completion, ReplacesTheWordBeforeTheCursorOnly) {
  const auto found = at("SELECT vec|tor FROM idt");
  EXPECT_EQ(found.start, 7u);
  EXPECT_EQ(found.candidates, (Words{"vector"}));
}

TEST(Completion, GivesWhatAllCandidatesStartWith) {
  EXPECT_EQ((Completion{0, {"vcpu", "vcpus"}}).common(), "vcpu");
  EXPECT_EQ((Completion{0, {"a", "b"}}).common(), "");
  EXPECT_EQ((Completion{0, {"one"}}).common(), "one");
  EXPECT_EQ(Completion{}.common(), "");
}

TEST(Completion, IsSafeAtAnyCursorOfAnyText) {
  const std::string text =
      "WITH a AS (SELECT ')' FROM idt i, baseline.gdt) SELECT i.v, x.* FROM a, (idt);;.[";
  for (std::size_t cursor = 0; cursor <= text.size() + 3; ++cursor)
    EXPECT_LE(complete(text, cursor, vocabulary()).start, text.size());
}

}  // namespace
}  // namespace ringside::agent
