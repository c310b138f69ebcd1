// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/json.h"
#include "agent/output/text_table.h"
#include "agent/output/wrap.h"
#include "agent/policies.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

Json to_json(const policies::Policy& policy) {
  Json checks = Json::array();
  for (const auto& check : policy.checks)
    checks.push_back(
        {{"id", check.id},
         {"title", check.title},
         {"severity", to_string(check.severity)},
         {"needs_baseline", check.needs_baseline()},
         {"attack", check.attack},
         {"confirm", to_string(check.confirm)},
         {"window_ms",
          check.confirm == policies::Confirm::window ? Json(check.window.length.count()) : Json()},
         {"actions", check.actions}});
  return {{"file", policy.file},
          {"name", policy.name},
          {"version", policy.version},
          {"title", policy.title},
          {"description", policy.description},
          {"false_positives", policy.false_positives},
          {"remediation", policy.remediation},
          {"severity", to_string(policy.severity)},
          {"attack", policy.attack},
          {"checks", std::move(checks)}};
}

Outcome list(Context& context) {
  RINGSIDE_TRY(const auto all, choose_policies({}, context));
  if (context.options.json) {
    Json array = Json::array();
    for (const auto& policy : all) array.push_back(to_json(policy));
    write_document(context.out, {{"policies", std::move(array)}});
    return Exit::clean;
  }
  TextTable table({{"POLICY"}, {"CHECKS", TextTable::Align::right}, {"SEVERITY"}, {"TITLE"}});
  for (const auto& policy : all)
    table.add({policy.name, std::to_string(policy.checks.size()), std::string(to_string(policy.severity)),
               policy.title});
  context.out << table.render(context.style());
  return Exit::clean;
}

/// "Label:  text", wrapped beside the label.
std::string paragraph(std::string_view label, const std::string& text, const Style& style) {
  static constexpr std::size_t kIndent = 14;
  std::string out;
  for (const auto& line : wrap(printable(text), kPageWidth - kIndent)) {
    const bool first = out.empty();
    out += (first ? style.dim(label) + std::string(kIndent - label.size(), ' ') : std::string(kIndent, ' ')) +
           line + '\n';
  }
  return text.empty() ? "" : out;
}

std::string how(const policies::Check& check) {
  std::string out(to_string(check.severity));
  if (check.needs_baseline()) out += ", needs a baseline";
  if (check.confirm == policies::Confirm::window)
    out += fmt::format(", confirmed over {}", human_duration(check.window.length));
  if (check.confirm == policies::Confirm::paused) out += ", confirmed with the guest stopped";
  for (const auto& action : check.actions)
    if (action != "alert") out += ", " + action;
  return out;
}

std::string render(const policies::Policy& policy, const Style& style) {
  std::string out = style.bold(policy.name + " " + policy.version) + ": " + printable(policy.title) + "\n";
  out += paragraph("About", policy.description, style);
  out += paragraph("Harmless if", policy.false_positives, style);
  out += paragraph("What to do", policy.remediation, style);
  out += paragraph("ATT&CK", fmt::format("{}", fmt::join(policy.attack, ", ")), style);
  for (const auto& check : policy.checks) {
    out += fmt::format("\n  {}: {}\n", style.bold(check.id), printable(check.title));
    for (const auto& line : wrap(how(check), kPageWidth - 4)) out += "    " + style.dim(line) + "\n";
  }
  return out;
}

Outcome show(Context& context, const std::vector<std::string>& wanted) {
  RINGSIDE_TRY(const auto chosen, choose_policies(wanted, context));
  if (context.options.json) {
    Json array = Json::array();
    for (const auto& policy : chosen) array.push_back(to_json(policy));
    write_document(context.out, {{"policies", std::move(array)}});
    return Exit::clean;
  }
  for (const auto& policy : chosen)
    context.out << (&policy == &chosen.front() ? "" : "\n") << render(policy, context.style());
  return Exit::clean;
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
  auto* verb = app.add_subcommand("policy", "The policies that ship, and policy files");
  verb->require_subcommand(1);
  add_example(
      *verb,
      "  ringside policy list\n  ringside policy show linux-entry\n  ringside policy check my-policies/");
  auto* list_verb = verb->add_subcommand("list", "List the built-in policies");
  add_output_options(*list_verb, context);
  add_example(*list_verb, "  ringside policy list");
  list_verb->callback([&context] { context.action = [&context] { return list(context); }; });
  auto* show_verb =
      verb->add_subcommand("show", "Say what policies are about, and what a violation of them means");
  const auto wanted = std::make_shared<std::vector<std::string>>();
  show_verb
      ->add_option("POLICY", *wanted, "Names of built-in policies (linux-*), policy files or directories")
      ->required()
      ->type_name("");
  add_output_options(*show_verb, context);
  add_example(*show_verb, "  ringside policy show linux-entry");
  show_verb->callback(
      [&context, wanted] { context.action = [&context, wanted] { return show(context, *wanted); }; });
  auto* check_verb = verb->add_subcommand("check", "Load policy files and say what is wrong with them");
  const auto paths = std::make_shared<std::vector<std::string>>();
  check_verb->add_option("PATH", *paths, "Policy files, or directories of them")->required()->type_name("");
  add_output_options(*check_verb, context);
  add_example(*check_verb, "  ringside policy check idt.yaml my-policies/");
  check_verb->callback(
      [&context, paths] { context.action = [&context, paths] { return check(context, *paths); }; });
  add_policy_test(*verb, context);
  add_policy_explain(*verb, context);
}

}  // namespace ringside::agent
