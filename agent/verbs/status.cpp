// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/verbs/agent_client.h"
#include "agent/verbs/standing.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

/// "3 d 4 h", "4 h 5 min", "12 s".
std::string up_time(double seconds) {
  const auto total = seconds > 0 && seconds < 1e12 ? static_cast<std::uint64_t>(seconds) : 0;
  const std::uint64_t days = total / 86'400, hours = total / 3600 % 24, minutes = total / 60 % 60;
  if (days != 0) return fmt::format("{} d {} h", days, hours);
  if (hours != 0) return fmt::format("{} h {} min", hours, minutes);
  return minutes != 0 ? fmt::format("{} min {} s", minutes, total % 60) : fmt::format("{} s", total);
}

/// "1 critical, 2 high", or "none".
std::string open_findings(const Json& open, const Style& style) {
  std::string out;
  for (const char* severity : {"critical", "high", "medium", "low", "info"}) {
    const std::uint64_t count = count_at(open, severity);
    if (count == 0) continue;
    const std::string text = fmt::format("{} {}", count, severity);
    out += (out.empty() ? "" : ", ") +
           (severity == std::string_view("critical") || severity == std::string_view("high") ? style.red(text)
                                                                                             : text);
  }
  return out.empty() ? "none" : out;
}

void render_outputs(const Json& outputs, Context& context) {
  if (!outputs.is_array() || outputs.empty()) return;
  const auto right = TextTable::Align::right;
  TextTable table(
      {{"OUTPUT"}, {"KIND"}, {"TO"}, {"WAITING", right}, {"SENT", right}, {"DROPPED", right}, {"FAILING"}});
  for (const Json& output : outputs) {
    const bool failing = at(output, "failing").is_string();
    table.add({text_at(output, "name"), text_at(output, "kind"), text_at(output, "to"),
               std::to_string(count_at(output, "waiting")), std::to_string(count_at(output, "sent")),
               std::to_string(count_at(output, "dropped")),
               failing ? context.style().red(text_at(output, "failing")) : ""});
  }
  context.out << '\n' << table.render(context.style());
}

void render(const Json& status, Context& context) {
  const Style style = context.style();
  const Json& policies = at(status, "policies");
  const Json& guests = at(status, "guests");
  const Json& findings = at(status, "findings");
  const Json& scheduler = at(status, "scheduler");
  FactList facts;
  facts.add("agent", fmt::format("{}, pid {}, on {}", text_at(status, "version"), text_at(status, "pid"),
                                 text_at(status, "host")));
  facts.add("started", fmt::format("{} ({} ago)", text_at(status, "started"),
                                   up_time(number_at(status, "uptime_seconds"))));
  facts.add("policies",
            fmt::format("{} with {}, loaded {}", count_at(policies, "count"),
                        counted(count_at(policies, "checks"), "check"), text_at(policies, "loaded_at")));
  if (const Json& notes = at(policies, "notes"); notes.is_array())
    for (const Json& note : notes)
      if (note.is_string()) facts.add("note", printable(note.get<std::string>()));
  if (!at(policies, "error").is_null())
    facts.add("reload", style.red("not taken: " + text_at(policies, "error")));
  facts.add("guests", fmt::format("{} watched, {} waiting, {} failed", count_at(guests, "watched"),
                                  count_at(guests, "waiting"), count_at(guests, "failed")));
  facts.add("findings", fmt::format("open: {}; {} suppressed, {} acknowledged",
                                    open_findings(at(findings, "open"), style),
                                    count_at(findings, "suppressed"), count_at(findings, "acknowledged")));
  facts.add("scheduler",
            fmt::format("{}, {} ticks, {} missed, {:.1f} ms behind",
                        counted(count_at(scheduler, "workers"), "worker"), count_at(scheduler, "ticks"),
                        count_at(scheduler, "missed"), number_at(scheduler, "lag_milliseconds")));
  const Json& exceptions = at(status, "exceptions");
  for (const char* which : {"expired", "unused"})
    if (const Json& ids = at(exceptions, which); ids.is_array() && !ids.empty()) {
      std::string list;
      for (const Json& id : ids)
        if (id.is_string()) list += (list.empty() ? "" : ", ") + printable(id.get<std::string>());
      facts.add("exceptions", fmt::format("{}: {}", which, list));
    }
  if (const Json& sources = at(status, "sources"); sources.is_array())
    for (const Json& source : sources)
      facts.add("source",
                source.is_string() ? printable(source.get<std::string>()) : printable(source.dump()));
  context.out << facts.render(style);
  render_outputs(at(status, "outputs"), context);
}

struct Arguments {
  AgentOptions agent;
  bool exit_code = false;
};

Outcome status(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  RINGSIDE_TRY(const Json document, agent->get("/api/v1/status"));
  if (context.options.json)
    write_document(context.out, document);
  else
    render(document, context);
  return arguments.exit_code ? standing_of_status(document) : Exit::clean;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("status", "How the running agent does");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_flag(
      "--exit-code", arguments->exit_code,
      "End with 3 if there are open violations that are not silenced, else with 4 if something is not "
      "seen: checks, a guest, or what was found is not on disk");
  add_agent_options(*verb, context, arguments->agent);
  add_example(*verb, "  ringside status --exit-code");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return status(context, *arguments); };
  });
}

}  // namespace ringside::agent
