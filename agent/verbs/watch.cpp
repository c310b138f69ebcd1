// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/signals.h"
#include "agent/verbs/agent_client.h"
#include "agent/verbs/finding_page.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <optional>
#include <ostream>
#include <thread>

namespace ringside::agent {

namespace {

struct Arguments {
  AgentOptions agent;
  std::string guest;
};

/// "2026-01-31T12:00:00Z vm1: critical: A gate differs: ... (finding 3f2a..., linux-entry/gates)".
std::string line_of(const Json& event, const Style& style) {
  std::string line = style.dim(text_at(event, "at")) + ' ';
  if (const std::string guest = text_at(event, "guest_name"); guest != "-") line += style.bold(guest) + ": ";
  const Json& finding = at(event, "finding");
  const std::string kind = text_at(event, "event"), text = text_at(event, "text");
  if (!finding.is_object()) return line + (text == "-" ? text_at(event, "what") : text);
  if (kind == "finding.opened") line += colored_severity(text_at(finding, "severity"), style) + ": ";
  if (kind == "finding.resolved") line += style.green("resolved") + ": ";
  if (kind == "finding.acknowledged") line += "acknowledged: ";
  if (kind == "action") line += text_at(event, "what") + ": ";
  line += text == "-" ? text_at(finding, "title") : text;
  return line + style.dim(fmt::format(" (finding {}, {}/{})", text_at(finding, "id"),
                                      text_at(finding, "policy"), text_at(finding, "check")));
}

Failure lost(std::string why) {
  return Failure({Errc::closed, "events were lost: " + std::move(why),
                  "ringside findings shows what is open; start watch again"},
                 Exit::unchecked);
}

Outcome watch(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  std::optional<Failure> cut;
  const auto show = [&](const std::string& name, const std::string& data) {
    const Json event = Json::parse(data, nullptr, false);
    if (name == "cut") {
      cut = lost(text_at(event, "why"));
      return false;
    }
    if (!arguments.guest.empty() && text_at(event, "guest_name") != arguments.guest &&
        text_at(event, "guest") != arguments.guest)
      return true;
    if (context.options.json)
      write_line(context.out, event);
    else
      context.out << line_of(event, context.style()) << '\n' << std::flush;
    return static_cast<bool>(context.out);
  };
  // The stream is followed elsewhere, so that this thread can wait for signals.
  Attempt<void> ended;
  std::atomic<bool> done = false;
  std::thread follower([&] {
    ended = agent->stream("/api/v1/events", show);
    done = true;
    signals::wake();
  });
  while (!done && signals::received() == 0)
    signals::wait_until(std::chrono::steady_clock::now() + std::chrono::minutes(1));
  const bool by_signal = !done;
  if (by_signal) agent->cancel();
  follower.join();
  if (cut) return fail(*cut);
  if (by_signal || ended) {
    context.stopped_cleanly = true;
    return Exit::clean;
  }
  if (ended.error().error.code == Errc::closed) return fail(lost("the agent has ended"));
  return fail(ended.error());
}

}  // namespace

void add_watch(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("watch", "Follow what the running agent says, line by line");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("--guest", arguments->guest, "Only about this guest (name or key)")->type_name("NAME");
  add_agent_options(*verb, context, arguments->agent);
  add_example(*verb, "  ringside watch\n  ringside watch --json | jq .finding.title");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return watch(context, *arguments); };
  });
}

}  // namespace ringside::agent
