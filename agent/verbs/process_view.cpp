// SPDX-License-Identifier: Apache-2.0
#include "agent/verbs/process_view.h"

#include "agent/output/cells.h"
#include "agent/verbs/support.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace ringside::agent {

namespace {

/// `invalid_argument` if there is no such process; what could not be read of the list of processes leaves
/// that open.
Attempt<void> must_exist(guest::Snapshot& snapshot, std::uint64_t pid) {
  RINGSIDE_TRY(const auto found, ask(snapshot, fmt::format("SELECT pid FROM processes WHERE pid = {}", pid)));
  if (found.rows.empty() && found.incomplete.empty())
    return fail(Error{Errc::invalid_argument, fmt::format("there is no process {}", pid)});
  return {};
}

}  // namespace

Outcome show_process_view(Context& context, const ProcessView& view, std::optional<std::uint64_t> pid) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  const std::string of_process = pid ? fmt::format("pid = {}", *pid) : "1";
  const std::string columns = context.options.json ? "*" : view.columns;
  RINGSIDE_TRY(const auto result,
               ask(*snapshot, fmt::format("SELECT {} FROM {} WHERE {} AND {} ORDER BY {}", columns,
                                          view.table, view.where, of_process, view.order)));
  if (result.rows.empty() && pid) RINGSIDE_CHECK(must_exist(*snapshot, *pid));
  if (context.options.json) {
    Json rows = Json::array();
    for (const auto& row : result.rows) rows.push_back(json_row(result.columns, row));
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {view.table, std::move(rows)},
                                 {"incomplete", result.incomplete}});
  } else {
    context.out << text_table(result.columns, result.rows).render(context.style());
  }
  return note_incomplete(result.incomplete);
}

}  // namespace ringside::agent
