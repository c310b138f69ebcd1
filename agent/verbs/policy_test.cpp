// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/json.h"
#include "agent/output/text_table.h"
#include "agent/policies.h"
#include "agent/policy_test/run_policy_test.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::vector<std::string> paths;
  bool coverage = false;
};

bool is_covered(const Coverage& coverage) {
  return coverage.positive > 0 && coverage.negative > 0;
}

std::string missing(const Coverage& coverage) {
  if (!coverage.untested.empty()) return "untested: " + printable(coverage.untested);
  if (coverage.positive == 0 && coverage.negative == 0) return "no case";
  return coverage.positive == 0 ? "no case where it is violated" : "no case where it is ok";
}

void print_coverage(Context& context, const CoverageReport& report) {
  TextTable table({{"POLICY"}, {"CHECK"}, {"MISSING"}});
  for (const auto& [check, coverage] : report.all())
    if (!is_covered(coverage)) table.add({check.first, check.second, missing(coverage)});
  context.out << '\n'
              << fmt::format("{} of {} have cases of both kinds\n", report.all().size() - table.size(),
                             counted(report.all().size(), "check"));
  if (!table.empty()) context.out << table.render(context.style());
}

Json to_json(const CoverageReport& report) {
  Json all = Json::array();
  for (const auto& [check, coverage] : report.all())
    all.push_back({{"policy", check.first},
                   {"check", check.second},
                   {"positive", coverage.positive},
                   {"negative", coverage.negative},
                   {"untested", coverage.untested}});
  return all;
}

void print(Context& context, const TestCase& one, const CaseOutcome& outcome) {
  const Style style = context.style();
  context.out << fmt::format("  {} {}\n", outcome.passed() ? style.green("ok  ") : style.red("FAIL"),
                             printable(one.name));
  for (const auto& difference : outcome.differences)
    context.out << "         " << printable(difference) << '\n';
  context.out << std::flush;
}

Outcome test(Context& context, const Arguments& arguments) {
  const PolicyTestSet set = load_policy_tests(arguments.paths);
  if (!set.errors.empty()) {
    print_diagnostics(set.errors, context);
    return fail(Failure({Errc::invalid_argument,
                         counted(set.errors.size(), "error") + " in policy tests; nothing was tested"},
                        Exit::usage));
  }
  CoverageReport coverage;
  Json cases = Json::array();
  std::size_t run = 0, failed = 0;
  for (const PolicyTest& one_test : set.tests) {
    coverage.add(one_test);
    if (!context.options.json)
      context.out << fmt::format("{}: {}\n", printable(one_test.file),
                                 context.style().bold(one_test.policy.name));
    for (const TestCase& one : one_test.cases) {
      const CaseOutcome outcome = run_policy_test(one_test, one);
      coverage.add(one_test, outcome);
      ++run;
      failed += outcome.passed() ? 0 : 1;
      if (context.options.json)
        cases.push_back({{"file", one_test.file},
                         {"line", one.line},
                         {"policy", one_test.policy.name},
                         {"name", one.name},
                         {"ok", outcome.passed()},
                         {"differences", outcome.differences}});
      else
        print(context, one, outcome);
    }
  }
  if (context.options.json) {
    write_document(context.out,
                   {{"ok", failed == 0}, {"cases", std::move(cases)}, {"coverage", to_json(coverage)}});
  } else {
    const Style style = context.style();
    context.out << fmt::format("{}: {} ok{}\n", counted(run, "case"), run - failed,
                               failed == 0 ? "" : ", " + style.red(fmt::format("{} FAIL", failed)));
    if (arguments.coverage) print_coverage(context, coverage);
  }
  return failed == 0 ? Exit::clean : Exit::violations;
}

}  // namespace

void add_policy_test(CLI::App& policy_verb, Context& context) {
  auto* verb =
      policy_verb.add_subcommand("test", "Hold what policies say of snapshots against what they should say");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("PATH", arguments->paths, "Files of policy tests, or directories of them")
      ->required()
      ->type_name("");
  verb->add_flag(
      "--coverage", arguments->coverage,
      "Also list the checks without a case where they are violated, or without one where they are ok");
  add_output_options(*verb, context);
  add_example(*verb, "  ringside policy test tests/policies --coverage");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return test(context, *arguments); };
  });
}

}  // namespace ringside::agent
