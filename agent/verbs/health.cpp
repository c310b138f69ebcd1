// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/verbs/agent_client.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <ostream>
#include <vector>

namespace ringside::agent {

namespace {

struct Arguments {
  AgentOptions agent;
  bool guests = false;
};

/// What keeps the agent from its work, a line each.
std::vector<std::string> problems_of(const Json& status, bool of_guests) {
  std::vector<std::string> problems;
  if (const Json& store = at(status, "store"); !at(store, "error").is_null())
    problems.push_back("what it finds does not reach the disk: " + text_at(store, "error"));
  if (const Json& policies = at(status, "policies"); !at(policies, "error").is_null())
    problems.push_back("its configuration was changed and not taken: " + text_at(policies, "error"));
  if (!of_guests) return problems;
  const Json& guests = at(status, "guests");
  if (const auto failed = count_at(guests, "failed"); failed != 0)
    problems.push_back(counted(failed, "guest") + " cannot be watched (ringside guests says why)");
  if (const auto waiting = count_at(guests, "waiting"); waiting != 0)
    problems.push_back(counted(waiting, "guest") + " not watched yet");
  if (problems.empty() && count_at(guests, "watched") == 0) problems.push_back("there is no guest");
  return problems;
}

Outcome health(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  RINGSIDE_TRY(const Json status, agent->get("/api/v1/status"));
  const auto problems = problems_of(status, arguments.guests);
  if (context.options.json)
    write_document(context.out, {{"healthy", problems.empty()}, {"problems", problems}});
  else
    context.out << (problems.empty() ? std::string("healthy")
                                     : fmt::format("not healthy: {}", fmt::join(problems, "; ")))
                << '\n';
  return problems.empty() ? Exit::clean : Exit::unchecked;
}

}  // namespace

void add_health(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("health", "Whether the running agent can do its work, by exit code");
  const auto arguments = std::make_shared<Arguments>();
  add_agent_options(*verb, context, arguments->agent);
  verb->add_flag("--guests", arguments->guests, "Healthy only if all guests are watched, and there is one");
  add_example(*verb, "  ringside health --guests");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return health(context, *arguments); };
  });
}

}  // namespace ringside::agent
