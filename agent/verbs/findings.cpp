// SPDX-License-Identifier: Apache-2.0
#include "agent/http/message.h"
#include "agent/log.h"
#include "agent/options.h"
#include "agent/output/text_table.h"
#include "agent/verbs/agent_client.h"
#include "agent/verbs/finding_page.h"
#include "agent/verbs/standing.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

constexpr std::size_t kAll = 100'000;  // the most that the agent gives at once

struct Arguments {
  AgentOptions agent;
  std::string guest, severity, policy, state = "open";
  bool suppressed = false, exit_code = false;
  std::size_t limit = 1000;
  std::string id, note;
};

std::string target_of(const Arguments& arguments) {
  std::string target = fmt::format("/api/v1/findings?state={}&suppressed={}&limit={}", arguments.state,
                                   arguments.suppressed, arguments.limit);
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) target += fmt::format("&{}={}", name, http::percent_encoded(value));
  };
  add("guest", arguments.guest);
  add("severity", arguments.severity);
  add("policy", arguments.policy);
  return target;
}

/// What may be missing from a list was not judged.
Exit exit_of(const Json& findings, const Arguments& arguments) {
  if (!arguments.exit_code) return Exit::clean;
  const Exit standing = standing_of_findings(findings);
  return findings.size() >= arguments.limit ? worse(standing, Exit::unchecked) : standing;
}

Outcome list(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  RINGSIDE_TRY(const Json document, agent->get(target_of(arguments)));
  const Json& all = at(document, "findings");
  const Exit exit = exit_of(all, arguments);
  if (context.options.json) {
    write_document(context.out, document);
    return exit;
  }
  if (!all.is_array() || all.empty()) {
    context.out << (arguments.state == "open" ? "no open findings\n" : "no findings\n");
    return exit;
  }
  TextTable table({{"FINDING"}, {"SEVERITY"}, {"GUEST"}, {"CHECK"}, {"STATE"}, {"LAST SEEN"}, {"TITLE"}});
  for (const Json& finding : all)
    table.add({text_at(finding, "id"), colored_severity(text_at(finding, "severity"), context.style()),
               text_at(finding, "guest_name"),
               fmt::format("{}/{}", text_at(finding, "policy"), text_at(finding, "check")),
               finding_state(finding), text_at(finding, "last_seen"), text_at(finding, "title")});
  context.out << table.render(context.style());
  if (all.size() >= arguments.limit) log::warning("there may be more: --limit");
  return exit;
}

Outcome show(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  RINGSIDE_TRY(const Json finding, agent->get("/api/v1/findings/" + http::percent_encoded(arguments.id)));
  if (context.options.json)
    write_document(context.out, finding);
  else
    context.out << finding_page(finding, context.style());
  return Exit::clean;
}

Outcome acknowledge(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  RINGSIDE_TRY(const Json finding,
               agent->post(fmt::format("/api/v1/findings/{}/ack", http::percent_encoded(arguments.id)),
                           {{"note", arguments.note}}));
  if (context.options.json)
    write_document(context.out, finding);
  else
    context.out << fmt::format("acknowledged {}: {}\n", text_at(finding, "id"), text_at(finding, "title"));
  return Exit::clean;
}

Outcome write_all(Context& context, Arguments arguments) {
  arguments.state = "all";
  arguments.suppressed = true;
  arguments.limit = kAll;
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  RINGSIDE_TRY(const Json document, agent->get(target_of(arguments)));
  const Json& all = at(document, "findings");
  for (const Json& finding : all) write_line(context.out, finding);
  if (all.size() < kAll) return Exit::clean;
  log::warning(fmt::format("only the newest {} findings were written", kAll));
  return Exit::unchecked;
}

void add_filters(CLI::App& verb, Arguments& arguments) {
  verb.add_option("--guest", arguments.guest, "Only of this guest (name or key)")->type_name("NAME");
  verb.add_option("--severity", arguments.severity,
                  "This severity or worse: info, low, medium, high, critical")
      ->check(CLI::IsMember({"info", "low", "medium", "high", "critical"}))
      ->type_name("LEVEL");
  verb.add_option("--policy", arguments.policy, "Only of this policy")->type_name("NAME");
}

void add_list_options(CLI::App& verb, Arguments& arguments) {
  add_filters(verb, arguments);
  verb.add_option("--state", arguments.state, "open (the default), resolved or all")
      ->check(CLI::IsMember({"open", "resolved", "all"}))
      ->type_name("STATE");
  verb.add_flag("--suppressed", arguments.suppressed, "Also those that an exception silences");
  verb.add_option("--limit", arguments.limit, "At most so many (1000)")
      ->check(CLI::Range(std::size_t{1}, kAll))
      ->type_name("N");
  verb.add_flag(
      "--exit-code", arguments.exit_code,
      "End with 3 if a violation is listed that is open and not silenced, else with 4 if a finding is "
      "that something is not seen");
}

void add_id(CLI::App& verb, Arguments& arguments) {
  verb.add_option("ID", arguments.id, "A finding's id, or the first four digits or more")
      ->required()
      ->type_name("");
}

}  // namespace

void add_findings(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("findings", "What the running agent found");
  const auto arguments = std::make_shared<Arguments>();
  const auto run = [&context, arguments](auto work) {
    return [&context, arguments, work] {
      context.action = [&context, arguments, work] { return work(context, *arguments); };
    };
  };
  verb->require_subcommand(0, 1);
  add_list_options(*verb, *arguments);
  add_agent_options(*verb, context, arguments->agent);
  add_example(*verb, "  ringside findings --severity high\n  ringside findings show 3f2a");
  verb->callback([verb, run] {
    if (verb->get_subcommands().empty()) run(list)();
  });

  auto* list_verb =
      verb->add_subcommand("list", "List findings, newest first (what findings alone does too)");
  add_list_options(*list_verb, *arguments);
  add_agent_options(*list_verb, context, arguments->agent);
  add_example(*list_verb, "  ringside findings list --guest vm1 --state all");
  list_verb->callback(run(list));

  auto* show_verb = verb->add_subcommand("show", "All about one finding");
  add_id(*show_verb, *arguments);
  add_agent_options(*show_verb, context, arguments->agent);
  add_example(*show_verb, "  ringside findings show 3f2a");
  show_verb->callback(run(show));

  auto* ack_verb = verb->add_subcommand("ack", "Note that you know of a finding; it stays open");
  add_id(*ack_verb, *arguments);
  ack_verb->add_option("--note", arguments->note, "Why, for the journal")->required()->type_name("TEXT");
  add_agent_options(*ack_verb, context, arguments->agent);
  add_example(*ack_verb, "  ringside findings ack 3f2a --note 'ticket 881'");
  ack_verb->callback(run(acknowledge));

  auto* export_verb = verb->add_subcommand("export", "Write all findings as JSON lines");
  add_filters(*export_verb, *arguments);
  add_agent_options(*export_verb, context, arguments->agent);
  add_example(*export_verb, "  ringside findings export > findings.jsonl");
  export_verb->callback(run(write_all));
}

}  // namespace ringside::agent
