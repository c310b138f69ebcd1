// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/answer.h"
#include "agent/output/cells.h"
#include "agent/output/format.h"
#include "agent/policies.h"
#include "agent/statement_needs.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::string sql;
  std::chrono::milliseconds time = policies::QueryLimits{}.time;
};

Outcome query(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto database, policies::Database::create());
  const auto info = database->describe(arguments.sql);
  if (!info) return fail(bad_sql(arguments.sql, info.error()));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(needed_msrs(*info, context.options.msrs)));
  RINGSIDE_CHECK(bind_needed_baseline(*database, *info, *snapshot));
  database->bind(snapshot);
  policies::QueryLimits limits;
  limits.time = arguments.time;
  RINGSIDE_TRY(const auto result, database->query(arguments.sql, limits));
  if (context.options.json) {
    write_document(context.out, answer_json(snapshot->info(), result));
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
