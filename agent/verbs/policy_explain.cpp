// SPDX-License-Identifier: Apache-2.0
#include "agent/http/message.h"
#include "agent/options.h"
#include "agent/output/text_table.h"
#include "agent/verbs/agent_client.h"
#include "agent/verbs/verbs.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace ringside::agent {

namespace {

struct Arguments {
  AgentOptions agent;
  std::string id;
};

/// A list of objects as a table with the keys of all as its columns.
std::string table_of(const Json& list, const Style& style) {
  std::vector<std::string> keys;
  for (const Json& one : list)
    for (const auto& [key, value] : one.items())
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  std::vector<TextTable::Column> columns;
  for (const auto& key : keys) {
    std::string heading = printable(key);
    std::transform(heading.begin(), heading.end(), heading.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    columns.push_back({std::move(heading)});
  }
  TextTable table(std::move(columns));
  for (const Json& one : list) {
    std::vector<std::string> cells;
    for (const auto& key : keys) cells.push_back(text_at(one, key));
    table.add(std::move(cells));
  }
  return table.render(style);
}

bool is_list_of_objects(const Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const Json& one) { return one.is_object(); });
}

/// Facts first, then lists, each as a table.
std::string page_of(const Json& document, const Style& style) {
  FactList facts;
  std::string tables;
  for (const auto& [key, value] : document.items()) {
    if (is_list_of_objects(value))
      tables += '\n' + style.bold(printable(key)) + '\n' + table_of(value, style);
    else if (!value.is_null())
      facts.add(printable(key), text_at(document, key));
  }
  return facts.render(style) + tables;
}

Outcome explain(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(const auto agent, AgentClient::open(arguments.agent));
  RINGSIDE_TRY(const Json document,
               agent->get("/api/v1/findings/" + http::percent_encoded(arguments.id) + "/explain"));
  if (context.options.json || !document.is_object())
    write_document(context.out, document);
  else
    context.out << page_of(document, context.style());
  return Exit::clean;
}

}  // namespace

void add_policy_explain(CLI::App& policy, Context& context) {
  auto* verb = policy.add_subcommand(
      "explain", "Say which exception matches a finding of the running agent, or why none does");
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("ID", arguments->id, "A finding's id, or the first four digits or more")
      ->required()
      ->type_name("");
  add_agent_options(*verb, context, arguments->agent);
  add_example(*verb, "  ringside policy explain 3f2a");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return explain(context, *arguments); };
  });
}

}  // namespace ringside::agent
