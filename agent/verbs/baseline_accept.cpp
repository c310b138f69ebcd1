// SPDX-License-Identifier: Apache-2.0
#include "agent/http/message.h"
#include "agent/options.h"
#include "agent/verbs/agent_client.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  AgentOptions agent;
  std::string id, note;
};

Outcome accept(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  RINGSIDE_TRY(const Json document,
               agent->post(fmt::format("/api/v1/findings/{}/accept", http::percent_encoded(arguments.id)),
                           {{"note", arguments.note}}));
  if (context.options.json)
    write_document(context.out, document);
  else
    context.out << fmt::format("taken into the baseline: what finding {} is about\n",
                               printable(arguments.id));
  return Exit::clean;
}

}  // namespace

void add_baseline_accept(CLI::App& baseline, Context& context) {
  auto* verb = baseline.add_subcommand(
      "accept", "Take what a finding of the running agent is about into the guest's baseline, as legitimate");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("--finding", arguments->id, "The finding's id, or the first four digits or more")
      ->required()
      ->type_name("ID");
  verb->add_option("--note", arguments->note, "Why, for the journal")->type_name("TEXT");
  add_agent_options(*verb, context, arguments->agent);
  add_example(*verb, "  ringside baseline accept --finding 3f2a --note 'new kernel module, ticket 881'");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return accept(context, *arguments); };
  });
}

}  // namespace ringside::agent
