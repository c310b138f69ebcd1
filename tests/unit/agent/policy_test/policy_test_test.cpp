// SPDX-License-Identifier: Apache-2.0
#include "agent/cli.h"
#include "agent/output/json.h"
#include "agent/policy_test/run_policy_test.h"
#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace ringside::agent {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kData = RINGSIDE_SOURCE_DIR "/tests/data/linux/";
const std::string kPolicy = R"(
apiVersion: ringside/v1
kind: Policy
metadata: {name: mine, title: Mine}
spec:
  checks:
    - {id: protected, title: Write protection, table: vcpus, expect: wp, severity: critical}
    - id: kernel-half
      title: Handlers
      table: idt
      where: present AND handler IS NOT NULL
      expect: kernel
      message: "gate {{vector}} enters {{handler}} of module {{module}}"
    - id: kept
      title: Write protection as it was
      unchanged: {table: vcpus, key: [vcpu], columns: [wp]}
)";

class PolicyTestFiles : public ::testing::Test {
 protected:
  void SetUp() override { write("mine.yaml", kPolicy); }
  void write(const std::string& name, const std::string& text) { std::ofstream(folder_.file(name)) << text; }
  /// A test with these cases.
  PolicyTestSet load(const std::string& cases, const std::string& more = "") {
    write("test.yaml",
          "apiVersion: ringside/v1\nkind: PolicyTest\npolicy: mine.yaml\n" + more + "cases:\n" + cases);
    return load_policy_tests({folder_.file("test.yaml")});
  }
  static std::string on_file(const std::string& more) {
    return "  - name: one\n    snapshot: " + kData + "6.1-cloud.rsnap\n" + more;
  }
  /// What differs in the one case that there is.
  std::vector<std::string> differences(const std::string& cases, const std::string& more = "") {
    const auto set = load(cases, more);
    for (const auto& error : set.errors) ADD_FAILURE() << render(error, false);
    if (set.tests.size() != 1) return {"no test"};
    return run_policy_test(set.tests[0], set.tests[0].cases[0]).differences;
  }
  policies::Diagnostic wrong(const std::string& cases, const std::string& more = "") {
    const auto set = load(cases, more);
    EXPECT_TRUE(set.tests.empty());
    return set.errors.empty() ? policies::Diagnostic{} : set.errors[0];
  }
  struct Ran {
    int exit;
    std::string out, err;
  };
  static Ran ringside(const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    Context context(out, err);
    const int exit = run(arguments, context);
    return {exit, out.str(), err.str()};
  }

  testing::TemporaryDirectory folder_;
  const std::string unprotected_ = "    patch: [{register: cr0, value: 0x80040033}]\n";
};

TEST_F(PolicyTestFiles, AsExpectedIsNoDifference) {
  EXPECT_THAT(differences(on_file("    expect: []\n    unknown: [kept]\n")), IsEmpty());
  EXPECT_THAT(
      differences(on_file(unprotected_ + "    expect: [{check: protected, severity: critical, count: 1}]\n"
                                         "    unknown: [\"k*\"]\n")),
      IsEmpty());
}

TEST_F(PolicyTestFiles, AViolationThatIsNotExpectedIsShown) {
  EXPECT_THAT(differences(on_file(unprotected_ + "    expect: []\n    unknown: [kept]\n")),
              ElementsAre("protected: expected no violation, found 1", HasSubstr("  ")));
}

TEST_F(PolicyTestFiles, AViolationThatIsMissingIsSaid) {
  EXPECT_THAT(differences(on_file("    expect: [{check: protected}]\n    unknown: [kept]\n")),
              ElementsAre("protected: a violation was expected, but it is ok"));
}

TEST_F(PolicyTestFiles, CountAndSeverityAreCompared) {
  EXPECT_THAT(differences(on_file(unprotected_ + "    expect: [{check: protected, severity: low, count: 2}]\n"
                                                 "    unknown: [kept]\n")),
              AllOf(Contains("protected: expected 2 violations, found 1"),
                    Contains("protected: severity low was expected, it is critical")));
}

TEST_F(PolicyTestFiles, UnknownIsNeverClean) {
  EXPECT_THAT(differences(on_file("    expect: []\n")),
              ElementsAre(HasSubstr("kept: it could not be evaluated: no baseline")));
  EXPECT_THAT(differences(on_file("    expect: []\n    unknown: [kept, protected]\n")),
              ElementsAre("protected: unknown was expected, but it is ok"));
}

TEST_F(PolicyTestFiles, TheFirstOfTwoSnapshotsIsTheBaseline) {
  const std::string both =
      "  - name: two\n    snapshots: [" + kData + "6.1-cloud.rsnap, " + kData + "6.1-cloud.rsnap]\n";
  EXPECT_THAT(differences(both + "    expect: []\n"), IsEmpty());
  EXPECT_THAT(
      differences(both + unprotected_ + "    expect: [{check: protected}, {check: kept, count: 1}]\n"),
      IsEmpty());
}

TEST_F(PolicyTestFiles, MemoryIsPatchedByAnyKindOfAddress) {
  // Gate 31's handler, low and high half; the same gate by the kernel's own mapping of the table.
  for (const char* patch :
       {"{gva: 0xfffffe00000001f8, bytes: 00 00 00 00}", "{symbol: idt_table+0x1f8, bytes: 00000000}",
        "{symbol: idt_table+0x1f8, pointer: 0}"})
    EXPECT_THAT(
        differences(on_file("    patch: [" + std::string(patch) +
                            "]\n    expect: [{check: kernel-half, count: 1}]\n    unknown: [kept]\n")),
        IsEmpty())
        << patch;
  const auto none = differences(on_file("    patch: [{gpa: 0x7000000000, bytes: 00}]\n    expect: []\n"));
  EXPECT_THAT(none, ElementsAre(HasSubstr("it could not be run: the patch in line 7")));
}

TEST_F(PolicyTestFiles, WhatCannotBePatchedFailsTheCase) {
  for (const char* patch : {"{symbol: no_such_symbol, bytes: 00}", "{register: cr0, vcpu: 7, value: 0}",
                            "{register: lstar, value: no_such_symbol}", "{gva: 0x10, bytes: 00}"})
    EXPECT_THAT(differences(on_file("    patch: [" + std::string(patch) + "]\n    expect: []\n")),
                ElementsAre(HasSubstr("it could not be run: the patch in line 7")))
        << patch;
}

TEST_F(PolicyTestFiles, ASnapshotThatIsNotThereFailsTheCase) {
  EXPECT_THAT(differences("  - {name: one, snapshot: nothing.rsnap, expect: []}\n"),
              ElementsAre(HasSubstr("it could not be run: " + folder_.file("nothing.rsnap"))));
}

TEST_F(PolicyTestFiles, WhatAnExceptionMatchesIsSuppressed) {
  write("exceptions.yaml",
        "apiVersion: ringside/v1\nkind: Exceptions\nspec:\n  - id: EX-1\n    policy: mine\n    check: "
        "protected\n"
        "    guests: {labels: {role: lab}}\n    match: {vcpu: 0x0}\n    reason: r\n    owner: o\n    "
        "expires: 2099-12-31\n");
  const std::string exceptions = "exceptions: exceptions.yaml\n";
  const std::string lab = "    guest: {labels: {role: lab}}\n    unknown: [kept]\n";
  EXPECT_THAT(differences(on_file(unprotected_ + lab +
                                  "    expect: []\n    suppressed: [{check: protected, count: 1}]\n"),
                          exceptions),
              IsEmpty());
  EXPECT_THAT(differences(on_file(unprotected_ + lab + "    expect: [{check: protected}]\n"), exceptions),
              Contains(HasSubstr("a violation was expected")));
  EXPECT_THAT(differences(on_file(unprotected_ + "    unknown: [kept]\n    expect: [{check: protected}]\n"),
                          exceptions),
              IsEmpty());
}

TEST_F(PolicyTestFiles, WrongFilesAreErrorsWithPlaceAndHelp) {
  const auto unknown_key = wrong(on_file("    expects: []\n"));
  EXPECT_THAT(unknown_key.message, HasSubstr("unknown key `expects`"));
  EXPECT_EQ(unknown_key.line, 7u);
  EXPECT_THAT(unknown_key.hint, HasSubstr("`expect`"));
  const auto check = wrong(on_file("    expect: [{check: protectd}]\n"));
  EXPECT_THAT(check.message, HasSubstr("has no check `protectd`"));
  EXPECT_THAT(check.hint, HasSubstr("`protected`"));
  EXPECT_THAT(wrong(on_file("")).message, HasSubstr("needs key `expect`"));
  EXPECT_THAT(wrong("  - {name: one, expect: []}\n").message, HasSubstr("either `snapshot` or `snapshots`"));
  EXPECT_THAT(wrong("  - {name: one, snapshots: [a, b, c], expect: []}\n").message, HasSubstr("are two"));
  EXPECT_THAT(wrong(on_file("    expect: [{check: protected, count: 0}]\n")).message, HasSubstr("left out"));
  EXPECT_THAT(wrong(on_file("    expect: [{check: protected}, {check: protected}]\n")).message,
              HasSubstr("twice"));
  EXPECT_THAT(wrong(on_file("    expect: []\n    unknown: [nothing]\n")).message,
              HasSubstr("has no such check"));
  EXPECT_THAT(wrong(on_file("    expect: []\n    suppressed: [{check: protected}]\n")).message,
              HasSubstr("without `exceptions`"));
  for (const char* patch :
       {"{bytes: 00}", "{gva: 1}", "{gva: 1, gpa: 1, bytes: 00}", "{gva: 1, bytes: 0}", "{gva: 1, bytes: zz}",
        "{register: cr9, value: 1}", "{register: cr0}", "{gpa: x, bytes: 00}", "1"})
    EXPECT_FALSE(wrong(on_file("    patch: [" + std::string(patch) + "]\n    expect: []\n")).message.empty())
        << patch;
  EXPECT_THAT(wrong("  []\n").message, HasSubstr("needs `cases`"));
  write("test.yaml", "apiVersion: ringside/v1\nkind: PolicyTest\npolicy: linux-entri\ncases: [{name: a}]\n");
  const auto policy = load_policy_tests({folder_.file("test.yaml")});
  ASSERT_FALSE(policy.errors.empty());
  EXPECT_THAT(policy.errors[0].hint, HasSubstr("`linux-entry`"));
}

TEST_F(PolicyTestFiles, TheVerbSaysEachCaseAndWhatIsNotCovered) {
  (void)load(on_file("    expect: []\n    unknown: [kept]\n"));
  const Ran good = ringside({"policy", "test", folder_.file("test.yaml"), "--coverage"});
  EXPECT_EQ(good.exit, 0) << good.out << good.err;
  EXPECT_THAT(good.out, AllOf(HasSubstr("ok   one"), HasSubstr("1 case: 1 ok"), HasSubstr("0 of 3 checks"),
                              HasSubstr("no case where it is violated")));
  EXPECT_THAT(good.out, Not(HasSubstr("FAIL")));
  (void)load(on_file("    expect: []\n"));
  const Ran bad = ringside({"policy", "test", folder_.file("test.yaml")});
  EXPECT_EQ(bad.exit, 3);
  EXPECT_THAT(bad.out, AllOf(HasSubstr("FAIL one"), HasSubstr("kept: it could not be evaluated")));
  const Json json = Json::parse(ringside({"policy", "test", folder_.file("test.yaml"), "--json"}).out);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["cases"][0]["name"], "one");
  write("test.yaml", "kind: PolicyTest\n");
  EXPECT_EQ(ringside({"policy", "test", folder_.file("test.yaml")}).exit, 2);
}

TEST_F(PolicyTestFiles, AnAddressMayBeAQuery) {
  for (const char* patch :
       {"{gva: \"SELECT addr('idt_table') + 0x1f8\", bytes: 00000000}",
        "{symbol: idt_table+0x1f8, pointer: select 0}", "{query: \"SELECT addr('idt_table') + 0x1f8, 0\"}",
        "{query: \"SELECT addr('idt_table') + 0x1f8, 0, 4\"}",
        "{query: \"WITH a(b) AS (SELECT '00000000') SELECT gva + 8, b FROM idt, a WHERE vector = 31\"}"})
    EXPECT_THAT(differences(on_file("    patch: [" + std::string(patch) +
                                    "]\n    expect: [{check: kernel-half, count: 1, row: {vector: 31}}]\n"
                                    "    unknown: [kept]\n")),
                IsEmpty())
        << patch;
}

TEST_F(PolicyTestFiles, AQueryThatPatchesNothingFailsTheCase) {
  const auto said = [&](const std::string& patch) {
    const auto all = differences(on_file("    patch: [" + patch + "]\n    expect: []\n"));
    return all.size() == 1 ? all[0] : "no difference, or several";
  };
  EXPECT_THAT(said("{query: \"SELECT gva, 0 FROM idt WHERE vector = 999\"}"), HasSubstr("gives no row"));
  EXPECT_THAT(said("{query: \"SELECT addr('no_such_symbol'), 0\"}"), HasSubstr("the address, is no number"));
  EXPECT_THAT(said("{query: SELECT 1}"), HasSubstr("two columns"));
  EXPECT_THAT(said("{query: \"SELECT 1, 2, 3, 4\"}"), HasSubstr("two columns"));
  EXPECT_THAT(said("{query: \"SELECT addr('idt_table'), 0, 9\"}"), HasSubstr("1 to 8 bytes"));
  EXPECT_THAT(said("{query: \"SELECT addr('idt_table'), 'words'\"}"), HasSubstr("hexadecimal digits"));
  EXPECT_THAT(said("{query: \"SELECT addr('idt_table'), NULL\"}"), HasSubstr("hexadecimal digits"));
  EXPECT_THAT(said("{query: SELECT FROM}"), HasSubstr("syntax error"));
  EXPECT_THAT(said("{query: DELETE FROM idt}"), HasSubstr("the patch in line 7"));
  EXPECT_THAT(said("{gva: \"SELECT gva FROM idt WHERE vector = 999\", bytes: 00}"),
              HasSubstr("gives no row"));
  EXPECT_THAT(said("{gva: SELECT 'text', bytes: 00}"), HasSubstr("no number"));
}

TEST_F(PolicyTestFiles, MappingsArePatched) {
  write("mine.yaml", R"(
apiVersion: ringside/v1
kind: Policy
metadata: {name: mine, title: Mine}
spec:
  checks:
    - id: closed
      title: Closed pages
      table: page_mappings
      where: half = 'kernel' AND gva <= addr('linux_banner') AND gva + size > addr('linux_banner')
      expect: NOT writable AND NOT user AND NOT executable
    - id: table
      title: The interrupt table
      query: SELECT gpa FROM idt WHERE vector = 0 AND raw = (SELECT raw FROM idt WHERE vector = 1)
)");
  const auto with = [&](const std::string& patch, const std::string& expected) {
    return differences(on_file("    patch: [" + patch + "]\n    expect: [" + expected + "]\n"));
  };
  EXPECT_THAT(with("{mapping: linux_banner, set: [writable]}", "{check: closed, row: {writable: true}}"),
              IsEmpty());
  EXPECT_THAT(
      with("{mapping: linux_banner, clear: [no-execute]}", "{check: closed, row: {executable: true}}"),
      IsEmpty());
  // The table's page leads to a copy whose first gate is the second.
  EXPECT_THAT(
      with("{query: \"WITH RECURSIVE w(n) AS (VALUES(0) UNION ALL SELECT n + 8 FROM w WHERE n < 4088) "
           "SELECT ((addr('__log_buf') + 4095) & ~4095) + n, read_u64(addr('idt_table') + "
           "iif(n < 16, n + 16, n)) FROM w\"}, "
           "{mapping: 0xfffffe0000000000, frame: SELECT (addr('__log_buf') + 4095) & ~4095}",
           "{check: table, count: 1}"),
      IsEmpty());
  EXPECT_THAT(with("{mapping: 0x10, set: [writable]}", ""), ElementsAre(HasSubstr("the patch in line 7")));
  EXPECT_THAT(with("{mapping: SELECT read_u64(addr('page_offset_base')) + 0x8000000, frame: __log_buf}", ""),
              ElementsAre(HasSubstr("for pages of 4 KiB")));
}

TEST_F(PolicyTestFiles, ColumnsOfWhatIsFoundAreCompared) {
  const std::string gate = "    patch: [{symbol: idt_table+0x1f8, pointer: 0}]\n    unknown: [kept]\n";
  EXPECT_THAT(
      differences(on_file(gate + "    expect: [{check: kernel-half, row: {vector: 0x1f, type: int*}}]\n")),
      IsEmpty());
  EXPECT_THAT(
      differences(on_file(gate + "    expect: [{check: kernel-half, row: {vector: 31, module: null}}]\n")),
      IsEmpty());
  EXPECT_THAT(differences(on_file(gate + "    expect: [{check: kernel-half, row: {vector: 32}}]\n")),
              ElementsAre("kernel-half: no violation has vector 32", HasSubstr("  ")));
  EXPECT_THAT(differences(on_file(gate + "    expect: [{check: kernel-half, row: {no_such_column: 1}}]\n")),
              Contains(HasSubstr("no_such_column")));
  EXPECT_THAT(wrong(on_file("    expect: [{check: kernel-half, row: 1}]\n")).message, HasSubstr("mapping"));
}

TEST_F(PolicyTestFiles, AnUntestedCheckHasAReason) {
  const std::string quiet = on_file("    expect: []\n    unknown: [kept]\n");
  const auto set = load(quiet, "untested: {protected: because}\n");
  ASSERT_THAT(set.errors, IsEmpty());
  CoverageReport report;
  report.add(set.tests[0]);
  EXPECT_EQ(report.all().at({"mine", "protected"}).untested, "because");
  EXPECT_THAT(wrong(quiet, "untested: {protectd: because}\n").message, HasSubstr("has no check `protectd`"));
  EXPECT_THAT(wrong(quiet, "untested: {protected: }\n").message, HasSubstr("has a reason"));
  EXPECT_THAT(wrong(quiet, "untested: [protected]\n").message, HasSubstr("must be a mapping"));
}

TEST_F(PolicyTestFiles, PatchesOfMappingsAreChecked) {
  const auto said = [&](const std::string& patch) {
    return wrong(on_file("    patch: [" + patch + "]\n    expect: []\n"));
  };
  EXPECT_THAT(said("{mapping: 1, set: [writeable]}").hint, HasSubstr("`writable`"));
  EXPECT_THAT(said("{mapping: 1}").message, HasSubstr("`set`, `clear` or `frame`"));
  EXPECT_THAT(said("{mapping: 1, bytes: 00}").message, HasSubstr("unknown key `bytes`"));
  EXPECT_THAT(said("{query: SELECT 1, gva: 1}").message, HasSubstr("unknown key `gva`"));
}

}  // namespace
}  // namespace ringside::agent
