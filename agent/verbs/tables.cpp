// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/json.h"
#include "agent/output/text_table.h"
#include "agent/tables_reference.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::string name;
  bool markdown = false;
};

std::string_view first_sentence(std::string_view text) {
  return text.substr(0, text.find(". ") + (text.find(". ") == text.npos ? 0 : 1));
}

Outcome tables(Context& context, const Arguments& arguments) {
  if (arguments.markdown) {
    context.out << tables_markdown();
    return Exit::clean;
  }
  if (!arguments.name.empty()) {
    const policies::Table* table = policies::find_table(arguments.name);
    if (table == nullptr)
      return fail(Failure({Errc::not_found, fmt::format("there is no table \"{}\"", arguments.name),
                           "ringside tables lists them"}));
    if (context.options.json)
      write_document(context.out, to_json(*table));
    else
      context.out << table_description(*table, context.style())
                  << fmt::format("\nExample:\n  ringside query TARGET \"{}\"\n", table->example);
    return Exit::clean;
  }
  if (context.options.json) {
    write_document(context.out, {{"tables", tables_json()}});
    return Exit::clean;
  }
  TextTable list({{"TABLE"}, {"COLUMNS", TextTable::Align::right}, {"ROWS ARE"}});
  for (const auto& table : policies::tables())
    list.add({std::string(table.name), std::to_string(table.columns.size()),
              std::string(first_sentence(table.doc))});
  context.out << list.render(context.style()) << "\nringside tables NAME shows the columns of one.\n";
  return Exit::clean;
}

}  // namespace

void add_tables(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("tables", "Describe the tables that queries and policies ask");
  const auto arguments = std::make_shared<Arguments>();
  auto* name = verb->add_option("NAME", arguments->name, "Only this table, with its columns")->type_name("");
  verb->add_flag("--markdown", arguments->markdown, "The reference page (docs/tables.md)")->excludes(name);
  add_output_options(*verb, context);
  add_example(*verb, "  ringside tables idt");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return tables(context, *arguments); };
  });
}

}  // namespace ringside::agent
