// SPDX-License-Identifier: Apache-2.0
#include "agent/http/message.h"
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/verbs/agent_client.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  AgentOptions agent;
  std::string name;
};

std::string colored_state(const Json& guest, const Style& style) {
  std::string state = text_at(guest, "state");
  if (state == "watched") return style.green(state);
  if (state == "retry" || state == "gone") return style.red(state);
  return style.yellow(state);
}

/// "128 ok, 1 VIOLATED, 2 unknown".
std::string checks_text(const Json& checks, const Style& style) {
  std::string out;
  const auto add = [&](std::string_view key, std::string_view word) {
    const std::uint64_t count = count_at(checks, key);
    if (count == 0) return;
    std::string text = fmt::format("{} {}", count, word);
    if (key == "violated") text = style.red(text);
    if (key == "unknown") text = style.yellow(text);
    out += (out.empty() ? "" : ", ") + text;
  };
  add("ok", "ok");
  add("violated", "VIOLATED");
  add("unknown", "unknown");
  add("undecided", "undecided");
  add("not_applicable", "not applicable");
  return out.empty() ? "-" : out;
}

std::string labels_text(const Json& labels) {
  std::string out;
  if (labels.is_object())
    for (const auto& [key, value] : labels.items())
      out += fmt::format("{}{}={}", out.empty() ? "" : ", ", printable(key), text_at(labels, key));
  return out.empty() ? "-" : out;
}

/// "2026-01-31T12:00:00Z, carried over from 2026-01-30T08:00:00Z: 6 checks, 4 in part; 19 learned anew".
std::string baseline_text(const Json& baseline) {
  std::string text = text_at(baseline, "taken");
  if (at(baseline, "carried_from").is_null()) return text;
  const auto size = [&](const char* list) {
    return at(baseline, list).is_array() ? at(baseline, list).size() : 0;
  };
  return text + fmt::format(", carried over from {}: {}, {} in part; {} learned anew",
                            text_at(baseline, "carried_from"), counted(size("carried"), "check"),
                            size("in_part"), size("learned_anew"));
}

/// What the baseline has of the guest's start-up; empty: that was over when it was taken.
std::string start_up_text(const Json& baseline) {
  const Json& start_up = at(baseline, "start_up");
  if (!start_up.is_object()) return {};
  if (at(start_up, "learned").is_null()) return "goes on; what it adds is still to be learned";
  const auto size = [&](const char* list) {
    return at(start_up, list).is_array() ? at(start_up, list).size() : 0;
  };
  return fmt::format("over; learned of it at {}: code of {}, rows of {}", text_at(start_up, "learned"),
                     counted(size("code"), "module"), counted(size("tables"), "table"));
}

void render(const Json& guest, Context& context) {
  const Style style = context.style();
  FactList facts;
  facts.add("guest", text_at(guest, "name"));
  facts.add("state", fmt::format("{} since {}", colored_state(guest, style), text_at(guest, "since")));
  if (!at(guest, "why").is_null()) facts.add("why", text_at(guest, "why"));
  if (!at(guest, "next_try").is_null()) facts.add("next try", text_at(guest, "next_try"));
  facts.add("key", text_at(guest, "key"));
  facts.add("UUID", text_at(guest, "uuid"));
  facts.add("found by", text_at(guest, "source"));
  facts.add("target", text_at(guest, "target"));
  facts.add("labels", labels_text(at(guest, "labels")));
  facts.add("kernel", text_at(guest, "kernel"));
  facts.add("QEMU", text_at(guest, "qemu"));
  facts.add("accelerator", text_at(guest, "accelerator"));
  facts.add("read through", text_at(guest, "backend"));
  facts.add("baseline", baseline_text(at(guest, "baseline")));
  if (const auto text = start_up_text(at(guest, "baseline")); !text.empty()) facts.add("start-up", text);
  facts.add("checks", checks_text(at(guest, "checks"), style));
  facts.add("findings", text_at(guest, "findings"));
  facts.add("ticks", fmt::format("{}, {} missed; the last {}, {:.1f} ms", count_at(guest, "ticks"),
                                 count_at(guest, "missed"), text_at(guest, "last_tick"),
                                 number_at(guest, "tick_milliseconds")));
  context.out << facts.render(style);
}

Outcome guests(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  if (!arguments.name.empty()) {
    RINGSIDE_TRY(const Json guest, agent->get("/api/v1/guests/" + http::percent_encoded(arguments.name)));
    if (context.options.json)
      write_document(context.out, guest);
    else
      render(guest, context);
    return Exit::clean;
  }
  RINGSIDE_TRY(const Json document, agent->get("/api/v1/guests"));
  if (context.options.json) {
    write_document(context.out, document);
    return Exit::clean;
  }
  const Json& all = at(document, "guests");
  if (!all.is_array() || all.empty()) {
    context.out << "no guests; ringside status shows where the agent looks for them\n";
    return Exit::clean;
  }
  TextTable table({{"GUEST"},
                   {"STATE"},
                   {"KERNEL"},
                   {"FINDINGS", TextTable::Align::right},
                   {"CHECKS"},
                   {"LAST TICK"},
                   {"WHY"}});
  for (const Json& guest : all)
    table.add({text_at(guest, "name"), colored_state(guest, context.style()), text_at(guest, "kernel"),
               text_at(guest, "findings"), checks_text(at(guest, "checks"), context.style()),
               text_at(guest, "last_tick"), at(guest, "why").is_null() ? "" : text_at(guest, "why")});
  context.out << table.render(context.style());
  return Exit::clean;
}

}  // namespace

void add_guests(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("guests", "The guests that the running agent watches, or cannot watch");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("NAME", arguments->name, "Only this guest, with all that is known")->type_name("");
  add_agent_options(*verb, context, arguments->agent);
  add_example(*verb, "  ringside guests\n  ringside guests vm1");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return guests(context, *arguments); };
  });
}

}  // namespace ringside::agent
