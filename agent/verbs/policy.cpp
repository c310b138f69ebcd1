// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/json.h"
#include "agent/output/text_table.h"
#include "agent/policies.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

Json to_json(const policies::Policy& policy) {
  Json checks = Json::array();
  for (const auto& check : policy.checks)
    checks.push_back({{"id", check.id},
                      {"title", check.title},
                      {"severity", to_string(check.severity)},
                      {"needs_baseline", check.needs_baseline()},
                      {"confirm", check.confirm == policies::Confirm::paused ? "paused" : "second-look"}});
  return {{"file", policy.file},
          {"name", policy.name},
          {"version", policy.version},
          {"title", policy.title},
          {"checks", std::move(checks)}};
}

Outcome check(Context& context, const std::vector<std::string>& paths) {
  const policies::PolicySet set = policies::load_policies(paths);
  const bool good = set.errors.empty();
  if (context.options.json) {
    Json list = Json::array(), errors = Json::array();
    for (const auto& policy : set.policies) list.push_back(to_json(policy));
    for (const auto& error : set.errors)
      errors.push_back({{"file", error.file},
                        {"line", error.line},
                        {"column", error.column},
                        {"message", error.message},
                        {"source_line", error.source_line},
                        {"hint", error.hint}});
    write_document(context.out, {{"ok", good}, {"policies", std::move(list)}, {"errors", std::move(errors)}});
    return good ? Exit::clean : Exit::usage;
  }
  print_diagnostics(set.errors, context);
  if (!good)
    return fail(
        Failure({Errc::invalid_argument, counted(set.errors.size(), "error") + " in policies"}, Exit::usage));
  TextTable table({{"POLICY"}, {"VERSION"}, {"CHECKS", TextTable::Align::right}, {"FILE"}});
  for (const auto& policy : set.policies)
    table.add({policy.name, policy.version, std::to_string(policy.checks.size()), policy.file});
  context.out << table.render(context.style());
  return Exit::clean;
}

}  // namespace

void add_policy(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("policy", "Work with policy files");
  verb->require_subcommand(1);
  add_example(*verb, "  ringside policy check my-policies/");
  auto* check_verb = verb->add_subcommand("check", "Load policy files and say what is wrong with them");
  const auto paths = std::make_shared<std::vector<std::string>>();
  check_verb->add_option("PATH", *paths, "Policy files, or directories of them")->required()->type_name("");
  add_output_options(*check_verb, context);
  add_example(*check_verb, "  ringside policy check idt.yaml my-policies/");
  check_verb->callback(
      [&context, paths] { context.action = [&context, paths] { return check(context, *paths); }; });
}

}  // namespace ringside::agent
