// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/cells.h"
#include "agent/output/format.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::string sql;
  std::chrono::milliseconds time = policies::QueryLimits{}.time;
};

/// The statement with a caret under the place that is wrong, as the hint of a usage error.
Failure bad_sql(const std::string& sql, const policies::Database::SqlError& error) {
  std::string hint = "ringside tables NAME shows the columns of a table";
  if (error.offset >= 0 && static_cast<std::size_t>(error.offset) <= sql.size() &&
      sql.find('\n') == std::string::npos)
    hint = fmt::format("{}\n      {}^", sql, std::string(static_cast<std::size_t>(error.offset), ' '));
  return Failure({Errc::invalid_argument, "bad SQL: " + error.message, std::move(hint)}, Exit::usage);
}

/// MSRs cost a stop of the guest where they are not calibrated: they are read only for the tables that hold
/// them.
guest::live::MsrSource needed_msrs(const policies::StatementInfo& info, guest::live::MsrSource wanted) {
  const bool needed = std::find(info.tables.begin(), info.tables.end(), "msrs") != info.tables.end();
  return needed ? wanted : guest::live::MsrSource::none;
}

Outcome query(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto database, policies::Database::create());
  const auto info = database->describe(arguments.sql);
  if (!info) return fail(bad_sql(arguments.sql, info.error()));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(needed_msrs(*info, context.options.msrs)));
  database->bind(snapshot);
  policies::QueryLimits limits;
  limits.time = arguments.time;
  RINGSIDE_TRY(const auto result, database->query(arguments.sql, limits));
  if (context.options.json) {
    Json columns = Json::array(), rows = Json::array();
    for (const auto& column : result.columns)
      columns.push_back({{"name", column.name}, {"type", to_string(column.type)}});
    for (const auto& row : result.rows) rows.push_back(json_row(result.columns, row));
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {"columns", std::move(columns)},
                                 {"rows", std::move(rows)},
                                 {"incomplete", result.incomplete}});
  } else {
    context.out << text_table(result.columns, result.rows).render(context.style());
    if (!context.options.quiet && context.out_is_terminal)
      context.err << counted(result.rows.size(), "row") << '\n';
  }
  return note_incomplete(result.incomplete);
}

}  // namespace

void add_query(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("query", "Ask the guest's tables in SQL");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  verb->add_option("SQL", arguments->sql, "One SELECT statement")->required()->type_name("");
  add_msr_option(*verb, context);
  add_duration(*verb, "--limit-time", arguments->time, "How long the query may take (10s)");
  add_example(
      *verb,
      "  ringside query /run/vm.qmp 'SELECT vcpu, vector, handler FROM idt WHERE present AND dpl = 3'");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return query(context, *arguments); };
  });
}

}  // namespace ringside::agent
