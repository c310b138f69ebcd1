// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/policy.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ringside::policies {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A right policy; `$` in it is replaced by what a test wants in its place.
constexpr const char* kHead =
    "apiVersion: ringside/v1\n"    // 1
    "kind: Policy\n"               // 2
    "metadata:\n"                  // 3
    "  name: sample\n"             // 4
    "  title: A sample\n"          // 5
    "spec:\n"                      // 6
    "  checks:\n"                  // 7
    "    - id: one\n"              // 8
    "      title: First check\n";  // 9
constexpr const char* kForm =
    "      table: idt\n"        // 10
    "      expect: dpl = 0\n";  // 11

std::string policy(const std::string& form = kForm) {
  return kHead + form;
}

/// The only diagnostic of `text`, as "line:column: message | hint", with the word that the caret stands
/// under.
struct Only {
  std::string place, message, hint, caret;
};
Only only(const std::string& text) {
  const auto set = load_policy_text("p.yaml", text);
  EXPECT_THAT(set.policies, IsEmpty());
  if (set.errors.size() != 1) {
    std::string all;
    for (const auto& error : set.errors) all += render(error, false);
    ADD_FAILURE() << set.errors.size() << " diagnostics:\n" << all;
    return {};
  }
  const auto& error = set.errors[0];
  EXPECT_EQ(error.file, "p.yaml");
  std::string at = error.column <= error.source_line.size() ? error.source_line.substr(error.column - 1) : "";
  return {std::to_string(error.line) + ":" + std::to_string(error.column), error.message, error.hint,
          at.substr(0, at.find_first_of(" :,]}\"'\n"))};
}

#define EXPECT_DIAGNOSTIC(text, wanted_place, wanted_caret, wanted_message, wanted_hint) \
  do {                                                                                   \
    const Only diagnosed = only(text);                                                   \
    EXPECT_EQ(diagnosed.place, wanted_place);                                            \
    EXPECT_EQ(diagnosed.caret, wanted_caret);                                            \
    EXPECT_THAT(diagnosed.message, HasSubstr(wanted_message));                           \
    EXPECT_THAT(diagnosed.hint, HasSubstr(wanted_hint));                                 \
  } while (false)

TEST(PolicyLoader, ReadsAWholePolicy) {
  const auto set = load_policy_text("p.yaml", R"(
apiVersion: ringside/v1
kind: Policy
x-owner: anyone
metadata:
  name: sample
  version: 1.2.0
  title: A sample
  description: What it is for.
  severity: critical
  attack: [T1014, T1547.006]
spec:
  guests: {paging: [4-level, 5-level], accelerators: kvm, nx: true}
  interval: 500ms
  checks:
    - id: one
      title: First
      table: idt
      where: present
      expect: dpl = 0
      message: "gate {{ vector }}"
      confirm: paused
      actions: [alert, pause]
      x-note: [anything, {goes: here}]
    - id: two
      title: Second
      severity: low
      attack: T1562.001
      unchanged: {table: gdt, key: [vcpu, entry], columns: base, where: present}
      message: "{{change}} {{old.base}} {{base}}"
      actions: [restore]
    - id: three
      title: Third
      query: |
        SELECT vcpu, count(*) AS gates
        FROM idt GROUP BY vcpu
)");
  for (const auto& error : set.errors) ADD_FAILURE() << render(error, false);
  ASSERT_THAT(set.policies, SizeIs(1));
  const auto& p = set.policies[0];
  EXPECT_EQ(p.file, "p.yaml");
  EXPECT_EQ(p.name, "sample");
  EXPECT_EQ(p.version, "1.2.0");
  EXPECT_EQ(p.severity, Severity::critical);
  EXPECT_EQ(p.attack, (std::vector<std::string>{"T1014", "T1547.006"}));
  EXPECT_EQ(p.guests.paging, (std::vector<std::string>{"4-level", "5-level"}));
  EXPECT_EQ(p.guests.accelerators, std::vector<std::string>{"kvm"});
  EXPECT_TRUE(p.guests.nx);
  EXPECT_EQ(p.interval, std::chrono::milliseconds(500));
  ASSERT_THAT(p.checks, SizeIs(3));
  EXPECT_EQ(p.checks[0].severity, Severity::critical);  // the policy's
  EXPECT_EQ(p.checks[0].attack, p.attack);
  EXPECT_EQ(p.checks[0].confirm, Confirm::paused);
  EXPECT_EQ(p.checks[0].actions, (std::vector<std::string>{"alert", "pause"}));
  EXPECT_EQ(p.checks[0].key, (std::vector<std::string>{"vcpu", "vector"}));
  EXPECT_FALSE(p.checks[0].needs_baseline());
  EXPECT_EQ(p.checks[1].severity, Severity::low);
  EXPECT_EQ(p.checks[1].attack, std::vector<std::string>{"T1562.001"});
  EXPECT_TRUE(p.checks[1].needs_baseline());
  EXPECT_EQ(p.checks[1].unchanged->where, "present");
  EXPECT_EQ(p.checks[2].key, std::vector<std::string>{"vcpu"});
  EXPECT_EQ(p.checks[2].actions, std::vector<std::string>{"alert"});
}

TEST(PolicyLoader, PointsAtUnknownKeysAndGuessesWhatWasMeant) {
  EXPECT_DIAGNOSTIC("apiVersion: ringside/v1\nkinds: Policy\n" + policy().substr(policy().find("kind")),
                    "2:1", "kinds", "unknown key `kinds` in a policy", "did you mean `kind`?");
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      mesage: x\n"), "12:7", "mesage",
                    "unknown key `mesage` in a check", "did you mean `message`?");
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      zzz: x\n"), "12:7", "zzz", "unknown key `zzz`",
                    "one of: id, ");
}

TEST(PolicyLoader, PointsAtKeysThatStandTwice) {
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      expect: dpl = 3\n"), "12:7", "expect",
                    "key `expect` stands twice", "line 11");
}

TEST(PolicyLoader, PointsAtMissingKeys) {
  EXPECT_DIAGNOSTIC("apiVersion: ringside/v1\nkind: Policy\nmetadata: {name: a, title: b}\n", "1:1",
                    "apiVersion", "a policy needs key `spec`", "");
  EXPECT_DIAGNOSTIC(policy("      table: idt\n"), "8:7", "id", "a check needs key `expect`", "");
  EXPECT_DIAGNOSTIC(policy("      unchanged: {table: idt, key: [vector]}\n"), "10:18", "{table",
                    "needs key `columns`", "");
  EXPECT_DIAGNOSTIC("", "1:1", "", "holds no policy", "");
}

TEST(PolicyLoader, PointsAtWrongHeads) {
  std::string text = policy();
  text.replace(text.find("ringside/v1"), 11, "ringside/v2");
  EXPECT_DIAGNOSTIC(text, "1:13", "ringside/v2", "`apiVersion` must be `ringside/v1`", "");
  EXPECT_DIAGNOSTIC("- 1\n", "1:1", "-", "a policy must be a mapping", "");
}

TEST(PolicyLoader, PointsAtUnknownTablesAndColumns) {
  EXPECT_DIAGNOSTIC(policy("      table: idts\n      expect: dpl = 0\n"), "10:14", "idts",
                    "unknown table `idts`", "did you mean `idt`?");
  EXPECT_DIAGNOSTIC(policy("      table: idt\n      where: present AND dlp = 3\n      expect: dpl = 0\n"),
                    "11:26", "dlp", "no such column: dlp", "did you mean `dpl`?");
  EXPECT_DIAGNOSTIC(policy("      unchanged: {table: idt, key: [vcpu, vectr], columns: [handler]}\n"),
                    "10:43", "vectr", "table `idt` has no column `vectr`", "did you mean `vector`?");
  EXPECT_DIAGNOSTIC(policy("      query: SELECT * FROM gdtt WHERE dpl = 3\n"), "10:28", "gdtt",
                    "no such table: gdtt", "did you mean `gdt`?");
}

TEST(PolicyLoader, PointsIntoQuotes) {
  EXPECT_DIAGNOSTIC(policy("      table: idt\n      expect: 'dpl = ''0'' AND handlr = 1'\n"), "11:32",
                    "handlr", "no such column: handlr", "did you mean `handler`?");
  EXPECT_DIAGNOSTIC(policy("      table: idt\n      expect: \"dpl \\u003d 0 AND handlr = 1\"\n"), "11:33",
                    "handlr", "no such column: handlr", "");
}

TEST(PolicyLoader, PointsIntoBlocks) {
  EXPECT_DIAGNOSTIC(
      policy("      query: |\n        SELECT vector,\n               handlr\n        FROM idt\n"), "12:16",
      "handlr", "no such column: handlr", "did you mean `handler`?");
  EXPECT_DIAGNOSTIC(policy("      query: >-\n        SELECT vector,\n        handlr FROM idt\n"), "12:9",
                    "handlr", "no such column: handlr", "");
  EXPECT_DIAGNOSTIC(policy("      query: SELECT vector,\n        handlr FROM idt\n"), "11:9", "handlr",
                    "no such column: handlr", "");
}

TEST(PolicyLoader, PointsAtSqlThatIsNoSql) {
  EXPECT_DIAGNOSTIC(policy("      table: idt\n      expect: dpl == = 3\n"), "11:22", "=", "syntax error", "");
  EXPECT_DIAGNOSTIC(policy("      query: SELEKT 1\n"), "10:14", "SELEKT", "syntax error", "");
  EXPECT_DIAGNOSTIC(policy("      query: SELECT nosuch(1)\n"), "10:21", "nosuch(1)",
                    "no such function: nosuch", "");
  EXPECT_DIAGNOSTIC(policy("      query: DELETE FROM baseline.idt\n"), "10:14", "DELETE",
                    "only reading is allowed", "");
  EXPECT_DIAGNOSTIC(policy("      query: SELECT 1; SELECT 2\n"), "10:24", "SELECT", "only one statement", "");
}

TEST(PolicyLoader, ExpressionCannotBreakOutOfItsPlace) {
  EXPECT_FALSE(
      load_policy_text("p", policy("      table: idt\n      expect: dpl = 0) OR (1\n")).errors.empty());
  EXPECT_FALSE(load_policy_text("p", policy("      table: idt\n      expect: dpl = 0 /*\n")).errors.empty());
  EXPECT_FALSE(load_policy_text("p", policy("      table: idt\n      expect: dpl = 0) --\n")).errors.empty());
  EXPECT_DIAGNOSTIC(policy("      table: idt\n      expect: dpl = 0 LIMIT 0\n"), "11:15", "dpl",
                    "must be one SQL expression", "use `query`");
  EXPECT_DIAGNOSTIC(policy("      table: idt\n      expect: 1 UNION SELECT 1\n"), "11:15", "1",
                    "must be one SQL expression", "");
}

TEST(PolicyLoader, PointsAtWrongValues) {
  const auto with_metadata = [](const std::string& line) {
    std::string text = policy();
    return text.insert(text.find("spec:"), "  " + line + "\n");
  };
  EXPECT_DIAGNOSTIC(with_metadata("severity: hihg"), "6:13", "hihg", "unknown severity `hihg`",
                    "did you mean `high`?");
  EXPECT_DIAGNOSTIC(with_metadata("attack: [T1014, T14]"), "6:19", "T14", "no MITRE ATT&CK technique id",
                    "T1014");
  EXPECT_DIAGNOSTIC(with_metadata("version: first"), "6:12", "first", "a version is", "1.2.0");
  EXPECT_DIAGNOSTIC(with_metadata("description:"), "6:3", "description", "must be a text that is not empty",
                    "");
  const auto with_spec = [](const std::string& line) {
    std::string text = policy();
    return text.insert(text.find("  checks:"), "  " + line + "\n");
  };
  EXPECT_DIAGNOSTIC(with_spec("interval: 5 minutes"), "7:13", "5", "is no duration", "500ms");
  EXPECT_DIAGNOSTIC(with_spec("interval: 1ms"), "7:13", "1ms", "from 100ms to 24h", "");
  EXPECT_DIAGNOSTIC(with_spec("guests: {paging: [pea]}"), "7:21", "pea", "unknown paging mode `pea`",
                    "did you mean `pae`?");
  EXPECT_DIAGNOSTIC(with_spec("guests: {nx: maybe}"), "7:16", "maybe", "must be true or false", "");
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      confirm: twice\n"), "12:16", "twice",
                    "unknown confirmation `twice`", "second-look");
  const std::string confirm = std::string(kForm) + "      confirm: ";
  EXPECT_DIAGNOSTIC(policy(confirm + "{window: soon}\n"), "12:25", "soon", "is no duration", "500ms");
  EXPECT_DIAGNOSTIC(policy(confirm + "{window: 2h}\n"), "12:25", "2h", "from 100ms to 1h", "");
  EXPECT_DIAGNOSTIC(policy(confirm + "{window: 5s, looks: 1}\n"), "12:36", "1", "from 2 to 100", "");
  EXPECT_DIAGNOSTIC(policy(confirm + "{window: 5s, looks: many}\n"), "12:36", "many", "from 2 to 100", "");
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      actions: [alrt]\n"), "12:17", "alrt",
                    "unknown action `alrt`", "did you mean `alert`?");
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      actions: [restore]\n"), "12:17", "restore",
                    "`restore` does not know what to put back", "");
  EXPECT_DIAGNOSTIC(policy("      unchanged: {table: msrs, key: [vcpu, name], columns: [value]}\n"
                           "      actions: [restore]\n"),
                    "11:17", "restore", "`restore` does not know what to put back", "");
}

Check only_check(const std::string& text) {
  const auto set = load_policy_text("p.yaml", text);
  for (const auto& error : set.errors) ADD_FAILURE() << render(error, false);
  return set.policies.empty() ? Check{} : set.policies[0].checks[0];
}

TEST(PolicyLoader, ReadsAWindowOfConfirmation) {
  const Check plain = only_check(policy());
  EXPECT_EQ(plain.confirm, Confirm::second_look);
  const Check window = only_check(policy(std::string(kForm) + "      confirm: {window: 10s, looks: 11}\n"));
  EXPECT_EQ(window.confirm, Confirm::window);
  EXPECT_EQ(window.window.length, std::chrono::seconds(10));
  EXPECT_EQ(window.window.looks, 11u);
  EXPECT_EQ(window.window.pace(), std::chrono::seconds(1));
  EXPECT_FALSE(window.window.guest_time);
  EXPECT_EQ(only_check(policy(std::string(kForm) + "      confirm: {window: 1m}\n")).window.looks, 6u);
  const Check freed =
      only_check(policy(std::string(kForm) + "      confirm: {window: 5s, guestTime: true}\n"));
  EXPECT_TRUE(freed.window.guest_time);
}

TEST(PolicyLoader, LinuxPoliciesConfirmOverAWindowIfTheySayNothingElse) {
  const auto named_linux = [](std::string text) {
    return text.replace(text.find("sample"), 6, "linux-sample");
  };
  EXPECT_EQ(only_check(named_linux(policy())).confirm, Confirm::window);
  EXPECT_EQ(only_check(named_linux(policy(std::string(kForm) + "      confirm: second-look\n"))).confirm,
            Confirm::second_look);
  EXPECT_EQ(only_check(named_linux(policy(std::string(kForm) + "      confirm: paused\n"))).confirm,
            Confirm::paused);
}

TEST(PolicyLoader, RestoreGoesWithRowsThatSayWhatIsToStandWhere) {
  const Check check = only_check(
      policy("      query: \"SELECT abi, nr, entry AS gva, expected, handler AS actual FROM syscalls\"\n"
             "      actions: [restore]\n"));
  EXPECT_EQ(check.actions, std::vector<std::string>{"restore"});
}

TEST(PolicyLoader, PointsAtWrongNames) {
  std::string text = policy();
  text.replace(text.find("sample"), 6, "My Policy");
  EXPECT_DIAGNOSTIC(text, "4:9", "My", "`My Policy` is no name", "small letters");
  EXPECT_DIAGNOSTIC(
      policy() + "    - id: one\n      title: Second\n      table: gdt\n      expect: dpl = 0\n", "12:11",
      "one", "check id `one` stands twice", "line 8");
  EXPECT_DIAGNOSTIC(policy() + "---\n" + policy(), "13:1", "apiVersion", "policy name `sample` stands twice",
                    "");
}

TEST(PolicyLoader, PointsAtFormsThatDoNotGoTogether) {
  EXPECT_DIAGNOSTIC(policy("      query: SELECT 1\n      table: idt\n"), "10:7", "query", "exactly one of",
                    "");
  EXPECT_DIAGNOSTIC(policy("      message: x\n"), "8:7", "id", "exactly one of", "");
  EXPECT_DIAGNOSTIC(policy("      query: SELECT 1\n      expect: dpl = 0\n"), "11:7", "expect",
                    "`expect` goes with `table`", "");
  EXPECT_DIAGNOSTIC(
      policy("      unchanged: {table: idt, key: [vector], columns: [dpl]}\n      where: present\n"), "11:7",
      "where", "`where` goes with `table`", "inside `unchanged`");
}

TEST(PolicyLoader, PointsAtColumnsThatNoBaselineKeeps) {
  EXPECT_DIAGNOSTIC(policy("      unchanged: {table: vcpus, key: [vcpu], columns: [rip]}\n"), "10:56", "rip",
                    "a baseline does not keep column `rip`", "changes all the time");
  EXPECT_DIAGNOSTIC(policy("      unchanged: {table: page_mappings, key: [gva], columns: [gpa]}\n"), "10:26",
                    "page_mappings", "a baseline does not keep table `page_mappings`", "");
}

TEST(PolicyLoader, PointsAtPlaceholdersThatNameNoColumn) {
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      message: 'gate {{vectr}} has DPL {{dpl}}'\n"), "12:22",
                    "{{vectr", "gives no column `vectr`", "did you mean `vector`?");
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      message: gate {{vector\n"), "12:21", "{{vector",
                    "`{{` without `}}`", "");
  EXPECT_DIAGNOSTIC(policy(std::string(kForm) + "      message: 'was {{old.dpl}}'\n"), "12:21", "{{old.dpl",
                    "gives no column `old.dpl`", "");
}

TEST(PolicyLoader, PointsAtKeysOfAQueryThatItDoesNotGive) {
  EXPECT_DIAGNOSTIC(policy("      query: SELECT vcpu FROM idt\n      key: [vcpu, vector]\n"), "11:19",
                    "vector", "gives no column `vector`", "");
}

TEST(PolicyLoader, PointsAtYamlThatIsNoYaml) {
  const auto found = only("apiVersion: [ringside/v1\nkind: Policy\n");
  EXPECT_THAT(found.message, HasSubstr("this is not YAML"));
  EXPECT_DIAGNOSTIC("a: b\n\tc: d\n", "2:1", "\tc", "this is not YAML", "");
}

TEST(PolicyLoader, ReportsEverythingThatIsWrongAtOnce) {
  const auto set = load_policy_text("p.yaml",
                                    "apiVersion: v0\nkind: Policy\nmetadata: {name: A, severty: low}\n"
                                    "spec:\n  checks:\n    - id: one\n      titel: x\n      table: idt\n"
                                    "      where: dlp = 3\n      expect: vectr = 1\n");
  std::vector<std::string> places;
  for (const auto& error : set.errors)
    places.push_back(std::to_string(error.line) + ":" + std::to_string(error.column));
  EXPECT_THAT(places, ::testing::ElementsAre("1:13", "3:11", "3:18", "3:21", "6:7", "7:7", "9:14", "10:15"));
  EXPECT_THAT(set.policies, IsEmpty());
}

TEST(PolicyLoader, SurvivesAliasesThatPointToThemselves) {
  EXPECT_FALSE(load_policy_text("p", "&a [*a, *a]\n").errors.empty());
  EXPECT_FALSE(load_policy_text("p", std::string(100'000, '[')).errors.empty());
}

TEST(PolicyFiles, ThatCannotBeReadAreErrors) {
  EXPECT_THAT(load_policies({"/nowhere/p.yaml"}).errors, SizeIs(1));
  const auto folder =
      std::filesystem::temp_directory_path() / ("ringside-empty-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  EXPECT_THAT(load_policies({folder.string()}).errors, SizeIs(1));
  std::ofstream(folder / "b.yaml") << policy();
  std::ofstream(folder / "a.yaml") << policy();
  std::ofstream(folder / "notes.txt") << "no policy";
  const auto set = load_policies({folder.string()});
  ASSERT_THAT(set.errors, SizeIs(1));  // the same name in two files
  EXPECT_THAT(set.errors[0].file, HasSubstr("b.yaml"));
  EXPECT_THAT(set.errors[0].message, HasSubstr("is also in"));
  std::filesystem::remove_all(folder);
}

TEST(Render, ShowsTheLineWithACaretAndTheHint) {
  const auto set = load_policy_text("p.yaml", policy("      table: idt\n      expcet: dpl = 0\n"));
  ASSERT_FALSE(set.errors.empty());
  EXPECT_EQ(render(set.errors.back(), false),
            "p.yaml:11:7: error: unknown key `expcet` in a check\n"
            "   11 |       expcet: dpl = 0\n"
            "      |       ^\n"
            "      = hint: did you mean `expect`?\n");
  EXPECT_THAT(render(set.errors.back(), true), HasSubstr("\033[1;31merror:"));
}

TEST(Render, LetsNoControlCharactersThrough) {
  Diagnostic hostile{"p", 1, 1, "bad \033]0;x", "\033[2J\tx", ""};
  EXPECT_EQ(render(hostile, false).find('\033'), std::string::npos);
}

}  // namespace
}  // namespace ringside::policies
