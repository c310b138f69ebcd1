// SPDX-License-Identifier: Apache-2.0
#include "policies/exceptions/exception_set.h"
#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace ringside::policies {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Moment = std::chrono::sys_time<std::chrono::microseconds>;

const Moment kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + std::chrono::hours(12);

std::string document(const std::string& exceptions) {
  return "apiVersion: ringside/v1\nkind: Exceptions\nspec:\n" + exceptions;
}

/// One exception with `more` lines in it.
std::string one(const std::string& more, const std::string& id = "EX-1") {
  return "  - id: " + id +
         "\n    policy: idt\n    reason: ticket 1\n    owner: soc\n    expires: 2026-12-31\n" + more;
}

const char* const kEverywhere = "    guests: {names: \"*\"}\n";

ExceptionSet loaded(const std::string& exceptions) {
  ExceptionSet set = load_exception_text("e.yaml", document(exceptions));
  for (const auto& error : set.errors()) ADD_FAILURE() << render(error, false);
  return set;
}

Policy some_policy() {
  auto set = load_policy_text("idt.yaml", R"(
apiVersion: ringside/v1
kind: Policy
metadata: {name: idt, title: Gates}
spec:
  checks:
    - {id: gates, title: A gate, table: idt, expect: dpl = 0}
    - {id: moved, title: The table, query: "SELECT vcpu, base FROM gdt"}
)");
  EXPECT_TRUE(set.errors.empty());
  return set.policies.empty() ? Policy{} : set.policies[0];
}

class Asked {
 public:
  GuestFacts guest{"web-1", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", {{"role", "tracing"}, {"tier", "prod"}}};
  std::string policy = "idt", check = "gates";
  std::vector<QueryColumn> columns{{"vector", ColumnType::integer},  {"offset", ColumnType::address},
                                   {"present", ColumnType::boolean}, {"symbol", ColumnType::text},
                                   {"module", ColumnType::text},     {"raw", ColumnType::bytes}};
  std::vector<Value> row{std::int64_t{14}, static_cast<std::int64_t>(0xffffffff81000000),
                         std::int64_t{1},  std::string("asm_exc_page_fault"),
                         std::monostate{}, std::string("cafe10")};
  Moment now = kNow;
  operator ExceptionQuestion() const { return {guest, policy, check, columns, row, now}; }
};

bool matches(const std::string& more, const Asked& asked = {}) {
  return loaded(one(more)).match(asked) != nullptr;
}
bool matches_column(const std::string& condition) {
  return matches("    match: {" + condition + "}\n");
}
std::vector<std::string> why_not(const std::string& more, const Asked& asked = {}) {
  const ExceptionSet set = loaded(one(more));
  const auto traces = set.explain(asked);
  return traces.empty() ? std::vector<std::string>{"no trace"} : traces[0].why_not;
}

TEST(Pattern, AStarIsAnyRunAndAllElseIsItself) {
  const auto fits = [](const char* pattern, std::string_view text) { return Pattern(pattern).matches(text); };
  EXPECT_TRUE(fits("abc", "abc"));
  EXPECT_FALSE(fits("abc", "abcd"));
  EXPECT_FALSE(fits("abc", "ABC"));
  EXPECT_TRUE(fits("*", ""));
  EXPECT_TRUE(fits("*", "anything"));
  EXPECT_TRUE(fits("a*", "a"));
  EXPECT_TRUE(fits("*c", "abc"));
  EXPECT_TRUE(fits("a*c", "abcbc"));
  EXPECT_TRUE(fits("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(fits("a*b*c", "aXcYb"));
  EXPECT_FALSE(fits("ab*bc", "abc"));  // the ends may not overlap
  EXPECT_TRUE(fits("a**c", "abc"));
  EXPECT_TRUE(fits("[kworker/0:1]", "[kworker/0:1]"));
  EXPECT_FALSE(fits("[kw]*", "kthread"));
  EXPECT_FALSE(fits("a?c", "abc"));
  EXPECT_TRUE(fits("\\*", "*"));
  EXPECT_FALSE(fits("\\*", "x"));
  EXPECT_TRUE(fits("a\\\\*", "a\\x"));
  EXPECT_TRUE(fits("a\\b", "a\\b"));
  EXPECT_TRUE(fits("", ""));
  EXPECT_TRUE(Pattern("a*b").matches(std::string_view("a\0\nb", 4)));
}

TEST(Pattern, ManyStarsOnALongTextAreNoWork) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  pattern += "b";
  EXPECT_FALSE(Pattern(pattern).matches(std::string(1 << 16, 'a')));
}

TEST(Exceptions, NumbersAreComparedByValueHoweverTheyAreWritten) {
  for (const char* good :
       {"vector: 14", "vector: 0xe", "vector: 0x0000000e", "vector: [3, 14]", "vector: \"1*\"",
        "vector: \"0x*e\"", "offset: 0xffffffff81000000", "offset: 0xFFFFFFFF81000000",
        "offset: 18446744071578845184", "offset: -2130706432", "offset: \"0xffffffff81*\"",
        "offset: \"0xFFFF*\"", "vector: \"*\"", "present: 1", "present: true", "present: \"*\""})
    EXPECT_TRUE(matches_column(good)) << good;
  for (const char* bad : {"vector: 15", "vector: e", "vector: 14.0", "vector: \" 14\"", "vector: \"2*\"",
                          "offset: 0x81000000", "offset: \"0xffffffff82*\"", "present: false", "present: 0",
                          "vector: -14", "vector: 99999999999999999999999"})
    EXPECT_FALSE(matches_column(bad)) << bad;
}

TEST(Exceptions, TextIsComparedAsTextAndBytesInEitherCase) {
  EXPECT_TRUE(matches_column("symbol: asm_exc_*"));
  EXPECT_TRUE(matches_column("symbol: [x, asm_exc_page_fault]"));
  EXPECT_FALSE(matches_column("symbol: ASM_EXC_PAGE_FAULT"));
  EXPECT_FALSE(matches_column("symbol: page_fault"));
  EXPECT_TRUE(matches_column("raw: CAFE*"));
  EXPECT_FALSE(matches_column("raw: 0xcafe10"));
}

TEST(Exceptions, NumbersInTextAreText) {
  Asked asked;
  asked.row[3] = std::string("0x10");
  EXPECT_TRUE(matches("    match: {symbol: \"0x10\"}\n", asked));
  EXPECT_FALSE(matches("    match: {symbol: 16}\n", asked));
  asked.row[3] = std::string("16");
  EXPECT_FALSE(matches("    match: {symbol: 0x10}\n", asked));
}

TEST(Exceptions, NullIsOnlyNull) {
  EXPECT_TRUE(matches_column("module: null"));
  EXPECT_TRUE(matches_column("module: ~"));
  EXPECT_TRUE(matches_column("module: [ext4, null]"));
  EXPECT_FALSE(matches_column("module: \"*\""));
  EXPECT_FALSE(matches_column("module: \"\""));
  EXPECT_FALSE(matches_column("module: \"null\""));
  EXPECT_FALSE(matches_column("symbol: null"));
  EXPECT_FALSE(matches_column("vector: null"));
}

TEST(Exceptions, EveryConditionMustHold) {
  EXPECT_TRUE(matches("    check: gates\n    match: {vector: 14, symbol: asm_*}\n"));
  EXPECT_FALSE(matches("    check: gates\n    match: {vector: 14, symbol: x}\n"));
  EXPECT_FALSE(matches("    check: moved\n    match: {vector: 14}\n"));
  EXPECT_FALSE(matches("    match: {nothing: \"*\"}\n"));
}

TEST(Exceptions, GuestsAreSelectedByNameUuidAndLabels) {
  for (const char* good : {"names: web-*", "names: [db-*, web-1]",
                           "uuids: 6f9619ff-8b86-d011-b42d-00cf4fc964ff", "labels: {role: tracing}",
                           "labels: {role: [x, trac*], tier: prod}", "names: \"*\", labels: {role: tracing}"})
    EXPECT_TRUE(matches("    guests: {" + std::string(good) + "}\n")) << good;
  for (const char* bad :
       {"names: web", "names: WEB-1", "uuids: 00000000-8b86-d011-b42d-00cf4fc964ff", "labels: {role: web}",
        "labels: {role: tracing, tier: stage}", "labels: {other: \"*\"}",
        "names: web-1, uuids: 00000000-8b86-d011-b42d-00cf4fc964ff"})
    EXPECT_FALSE(matches("    guests: {" + std::string(bad) + "}\n")) << bad;
  Asked nameless;
  nameless.guest = {};
  EXPECT_FALSE(matches("    guests: {names: web-*}\n", nameless));
  EXPECT_FALSE(matches("    guests: {uuids: 6f9619ff-8b86-d011-b42d-00cf4fc964ff}\n", nameless));
  EXPECT_TRUE(matches("    guests: {names: \"*\"}\n", nameless));
}

TEST(Exceptions, HoldThroughTheirLastDayAndNoLonger) {
  Asked asked;
  asked.now = std::chrono::sys_days(std::chrono::year(2027) / 1 / 1) - std::chrono::microseconds(1);
  EXPECT_TRUE(matches(kEverywhere, asked));
  asked.now += std::chrono::microseconds(1);
  EXPECT_FALSE(matches(kEverywhere, asked));
  const ExceptionSet set = loaded(one(kEverywhere));
  EXPECT_THAT(set.expired(kNow), IsEmpty());
  ASSERT_EQ(set.expired(asked.now).size(), 1u);
  EXPECT_EQ(set.expired(asked.now)[0]->id, "EX-1");
}

TEST(Exceptions, TheFirstByFileOrderIsNamedAndAllThatMatchAreUsed) {
  const ExceptionSet set =
      loaded(one("    match: {vector: 15}\n", "EX-1") + one("    match: {vector: 14}\n", "EX-2") +
             one(kEverywhere, "EX-3") + one("    match: {vector: 16}\n", "EX-4"));
  EXPECT_EQ(set.unused().size(), 4u);
  const Asked asked;
  const Exception* exception = set.match(asked);
  ASSERT_NE(exception, nullptr);
  EXPECT_EQ(exception->id, "EX-2");
  EXPECT_EQ(exception->reason, "ticket 1");
  EXPECT_EQ(exception->line, 10u);
  const auto unused = set.unused();
  ASSERT_EQ(unused.size(), 2u);
  EXPECT_EQ(unused[0]->id, "EX-1");
  EXPECT_EQ(unused[1]->id, "EX-4");
}

TEST(Exceptions, OtherPoliciesAreNotTouchedAndNotExplained) {
  Asked asked;
  asked.policy = "gdt";
  const ExceptionSet set = loaded(one(kEverywhere));
  EXPECT_EQ(set.match(asked), nullptr);
  EXPECT_THAT(set.explain(asked), IsEmpty());
}

TEST(Exceptions, UsesOutliveAReload) {
  const ExceptionSet before = loaded(one(kEverywhere, "EX-1") + one("    match: {vector: 1}\n", "EX-2"));
  const Asked asked;
  ASSERT_NE(before.match(asked), nullptr);
  ExceptionSet after = loaded(one(kEverywhere, "EX-0") + one(kEverywhere, "EX-1"));
  after.carry_uses(before);
  ASSERT_EQ(after.unused().size(), 1u);
  EXPECT_EQ(after.unused()[0]->id, "EX-0");
}

TEST(Exceptions, ExplainSaysEachConditionThatDoesNotHold) {
  Asked asked;
  EXPECT_THAT(why_not(kEverywhere), IsEmpty());
  EXPECT_THAT(why_not("    check: moved\n    match: {vector: 15, symbl: x, module: ext4}\n"),
              ElementsAre("it is for check `moved`, not for `gates`", "column `vector` is 14, not `15`",
                          "what was found has no column `symbl` (did you mean `symbol`?)",
                          "column `module` is NULL, not `ext4`"));
  EXPECT_THAT(why_not("    match: {offset: [1, 2, 3, 4, 5, 6, 7]}\n"),
              ElementsAre("column `offset` is 0xffffffff81000000, not `1`, `2`, `3`, `4`, `5` and 2 more"));
  EXPECT_THAT(why_not("    guests: {names: db-*, uuids: 00000000-8b86-d011-b42d-00cf4fc964ff, labels: {role: "
                      "web, x: y}}\n"),
              ElementsAre("the guest's name is `web-1`, not `db-*`",
                          HasSubstr("the guest's UUID is `6f9619ff-8b86-d011-b42d-00cf4fc964ff`"),
                          "the guest's label `role` is `tracing`, not `web`", "the guest has no label `x`"));
  asked.now = kNow + std::chrono::days(60);
  EXPECT_THAT(why_not(kEverywhere, asked), ElementsAre("it expired: its last day was 2026-12-31"));
  asked.guest = {};
  asked.now = kNow;
  EXPECT_THAT(why_not("    guests: {names: web-*}\n", asked),
              ElementsAre("the guest has no name; it would have to be `web-*`"));
}

TEST(Exceptions, ExplainBoundsWhatAGuestSaid) {
  Asked asked;
  asked.row[3] = std::string(1 << 20, 'x');
  EXPECT_LT(why_not("    match: {symbol: y}\n", asked)[0].size(), 200u);
}

TEST(Exceptions, ARowShorterThanItsColumnsMatchesNothing) {
  Asked asked;
  asked.row.resize(1);
  EXPECT_FALSE(matches("    match: {symbol: \"*\"}\n", asked));
}

struct Wrong {
  const char* what;
  std::string text;
  unsigned line, column;
  std::string message, hint;
};

class WrongExceptions : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongExceptions, AreErrorsWithPlaceAndHelp) {
  const Policy policy = some_policy();
  const std::vector<Policy> policies{policy};
  const ExceptionSet set = load_exception_text("e.yaml", GetParam().text, &policies);
  ASSERT_FALSE(set.errors().empty());
  const auto& error = set.errors()[0];
  EXPECT_EQ(error.file, "e.yaml");
  EXPECT_EQ(error.line, GetParam().line) << render(error, false);
  EXPECT_EQ(error.column, GetParam().column) << render(error, false);
  EXPECT_THAT(error.message, HasSubstr(GetParam().message));
  EXPECT_THAT(error.hint, HasSubstr(GetParam().hint));
  EXPECT_TRUE(set.all().empty());
}

std::string without(const std::string& line) {
  std::string text = document(one(kEverywhere));
  const auto at = text.find(line);
  return text.erase(at, text.find('\n', at) + 1 - at);
}

INSTANTIATE_TEST_SUITE_P(
    Each, WrongExceptions,
    ::testing::Values(
        Wrong{"unknown key", document(one("    gests: {names: a}\n")), 9, 5, "unknown key `gests`",
              "`guests`"},
        Wrong{"unknown selector", document(one("    guests: {name: a}\n")), 9, 14, "unknown key `name`",
              "`names`"},
        Wrong{"no owner", without("    owner"), 4, 5, "needs key `owner`", ""},
        Wrong{"no reason", without("    reason"), 4, 5, "needs key `reason`", ""},
        Wrong{"no end", without("    expires"), 4, 5, "needs key `expires`", ""},
        Wrong{"no policy", without("    policy"), 4, 5, "needs key `policy`", ""},
        Wrong{
            "no id",
            "apiVersion: ringside/v1\nkind: Exceptions\nspec:\n  - policy: idt\n    reason: r\n    owner: o\n"
            "    expires: 2026-12-31\n    match: {vector: 1}\n",
            4, 5, "needs key `id`", ""},
        Wrong{"no scope", document(one("")), 4, 5, "needs `guests` or `match`", "names: \"*\""},
        Wrong{"no such day",
              document(
                  "  - {id: a, policy: idt, reason: r, owner: o, match: {vector: 1}, expires: 2026-02-30}\n"),
              4, 76, "is no day", "2026-12-31"},
        Wrong{"no day",
              document("  - {id: a, policy: idt, reason: r, owner: o, match: {vector: 1}, expires: never}\n"),
              4, 76, "`never` is no day", ""},
        Wrong{"other policy",
              document(
                  "  - {id: a, policy: itd, reason: r, owner: o, match: {vector: 1}, expires: 2026-12-31}\n"),
              4, 21, "there is no policy `itd`", "did you mean `idt`?"},
        Wrong{"other check", document(one("    check: gate\n    match: {vector: 1}\n")), 9, 12,
              "has no check `gate`", "`gates`"},
        Wrong{"other column", document(one("    match: {vectr: 1}\n")), 9, 13, "gives a column `vectr`",
              "`vector`"},
        Wrong{"column of another check", document(one("    check: moved\n    match: {vector: 1}\n")), 10, 13,
              "gives a column `vector`", ""},
        Wrong{"no match", document(one("    match: {}\n")), 9, 5,
              "`match` must be a mapping that is not empty", ""},
        Wrong{"match is a list", document(one("    match: [vector]\n")), 9, 12, "`match` must be a mapping",
              ""},
        Wrong{"no patterns", document(one("    match: {vector: []}\n")), 9, 13, "1 to 1000 values", ""},
        Wrong{"nested", document(one("    match: {vector: {a: 1}}\n")), 9, 21, "a value or a list of values",
              ""},
        Wrong{"twice", document(one("    match: {vector: 1, vector: 2}\n")), 9, 24, "`vector` stands twice",
              ""},
        Wrong{"guests empty", document(one("    guests: {}\n")), 9, 13, "`guests` needs", ""},
        Wrong{"guests no mapping", document(one("    guests: all\n")), 9, 13, "guests must be a mapping", ""},
        Wrong{"null name", document(one("    guests: {names: [~]}\n")), 9, 14, "texts that are not empty",
              ""},
        Wrong{"null label", document(one("    guests: {labels: {role: ~}}\n")), 9, 23,
              "a value or a list of values", ""},
        Wrong{"no UUID", document(one("    guests: {uuids: 1234}\n")), 9, 21, "`1234` is no UUID", ""},
        Wrong{"odd id", document(one(kEverywhere, "\"a b\"")), 4, 9, "is no id", ""},
        Wrong{"star", document(one("    match: {symbol: *foo}\n")), 9, 21, "this is not YAML",
              "needs quotes"},
        Wrong{"long pattern", document(one("    match: {vector: " + std::string(2000, 'x') + "}\n")), 9, 21,
              "at most 1024 bytes", ""},
        Wrong{"id twice", document(one(kEverywhere) + one(kEverywhere)), 10, 1, "`EX-1` stands twice",
              "e.yaml:4"},
        Wrong{"other kind", "apiVersion: ringside/v1\nkind: Policy\nspec: []\n", 2, 7, "must be `Exceptions`",
              ""},
        Wrong{"no spec", "apiVersion: ringside/v1\nkind: Exceptions\n", 1, 1, "needs `spec`", ""},
        Wrong{"spec is a mapping", "apiVersion: ringside/v1\nkind: Exceptions\nspec: {id: a}\n", 3, 1,
              "needs `spec`", ""},
        Wrong{"nothing", "", 1, 1, "", ""}, Wrong{"a text", "hello", 1, 1, "must be a mapping", ""},
        Wrong{"a list of texts", document("  - hello\n"), 4, 5, "must be a mapping", ""}),
    [](const auto& test) {
      std::string name = test.param.what;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

TEST(Exceptions, ColumnsOfAnyCheckAreRightWhereNoCheckIsNamed) {
  const std::vector<Policy> policies{some_policy()};
  const auto set =
      load_exception_text("e.yaml", document(one("    match: {vector: 1, base: 2}\n")), &policies);
  EXPECT_THAT(set.errors(), IsEmpty());
  EXPECT_EQ(set.all().size(), 1u);
}

TEST(Exceptions, KeysOfUsersOwnAreLeftAlone) {
  EXPECT_EQ(loaded(one(std::string(kEverywhere) + "    x-ticket: SEC-1\n")).all().size(), 1u);
}

TEST(Exceptions, AliasesThatMultiplyAreBounded) {
  std::string text = "apiVersion: ringside/v1\nkind: Exceptions\nx-a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    text += std::string("x-") + c + ": &" + c + " [";
    for (int i = 0; i < 10; ++i) text += std::string(i == 0 ? "*" : ", *") + static_cast<char>(c - 1);
    text += "]\n";
  }
  text += "spec:\n" + one("    match: {vector: *j}\n");
  const auto set = load_exception_text("e.yaml", text);
  EXPECT_FALSE(set.errors().empty());
}

TEST(Exceptions, DeepNestingIsAnError) {
  const auto set = load_exception_text("e.yaml", std::string(100'000, '['));
  EXPECT_FALSE(set.errors().empty());
}

TEST(Exceptions, FilesAreReadInOrderAndIdsAreUniqueAmongThem) {
  const testing::TemporaryDirectory folder;
  std::ofstream(folder.file("b.yaml")) << document(one(kEverywhere, "B"));
  std::ofstream(folder.file("a.yaml")) << document(one(kEverywhere, "A"));
  std::ofstream(folder.file("notes.txt")) << "no YAML";
  const ExceptionSet set = load_exceptions({folder.path().string()});
  ASSERT_EQ(set.all().size(), 2u);
  EXPECT_EQ(set.all()[0].id, "A");
  EXPECT_EQ(set.match(Asked{})->id, "A");
  std::ofstream(folder.file("c.yaml")) << document(one(kEverywhere, "A"));
  const ExceptionSet twice = load_exceptions({folder.path().string()});
  ASSERT_EQ(twice.errors().size(), 1u);
  EXPECT_EQ(twice.errors()[0].file, folder.file("c.yaml"));
  EXPECT_THAT(twice.errors()[0].hint, HasSubstr("a.yaml:4"));
  EXPECT_THAT(twice.all(), IsEmpty());
  EXPECT_FALSE(load_exceptions({folder.file("nothing.yaml")}).errors().empty());
}

}  // namespace
}  // namespace ringside::policies
