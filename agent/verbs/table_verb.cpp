// SPDX-License-Identifier: Apache-2.0
#include "agent/verbs/table_verb.h"

// Before any system header can: see there.
#include "agent/output/cells.h"
#include "agent/output/format.h"
#include "agent/verbs/support.h"
#include "guest/linux/kernel.h"
#include "guest/linux/linux_macro.h"
#include "policies/tables/linux/address_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <ostream>

namespace ringside::agent {

using policies::QueryResult;
using policies::Value;

namespace {

/// Rows of one query by the vCPU in their first cell, which is taken off.
std::map<std::int64_t, std::vector<std::vector<Value>>> by_vcpu(const QueryResult& result) {
  std::map<std::int64_t, std::vector<std::vector<Value>>> groups;
  for (const auto& row : result.rows)
    if (const auto* vcpu = std::get_if<std::int64_t>(&row.front()))
      groups[*vcpu].emplace_back(row.begin() + 1, row.end());
  return groups;
}

/// All columns of a table. Where no Linux kernel is found, names of addresses are NULL without being asked
/// for: a guest that runs something else is no guest that could not be read.
std::string all_columns(const std::string& table, bool linux_found) {
  const auto names = policies::address_name_columns();
  std::string all;
  for (const auto& column : policies::find_table(table)->columns) {
    const bool unknown = !linux_found && std::any_of(names.begin(), names.end(), [&](const auto& name) {
      return name.name == column.name;
    });
    all += (all.empty() ? "" : ", ") + std::string(unknown ? "NULL AS " : "") + std::string(column.name);
  }
  return all;
}

Outcome show_people(Context& context, guest::Snapshot& snapshot, const TableView& view,
                    const TableArguments& arguments, const std::string& filter) {
  const bool narrowed = !view.where.empty() && !arguments.all;
  std::vector<std::string> chosen = view.columns;
  if (!view.names.empty() && guest::linux::Kernel::of(snapshot))
    chosen.insert(chosen.end(), view.names.begin(), view.names.end());
  RINGSIDE_TRY(const QueryResult shown,
               ask(snapshot, fmt::format("SELECT vcpu, {} FROM {} WHERE {} AND {} ORDER BY vcpu, {}",
                                         fmt::join(chosen, ", "), view.table, filter,
                                         narrowed ? view.where : "1", view.order)));
  RINGSIDE_TRY(
      const QueryResult counts,
      ask(snapshot, fmt::format("SELECT vcpu, count(*) FROM {} WHERE {} GROUP BY vcpu", view.table, filter)));
  std::map<std::int64_t, std::vector<std::vector<Value>>> identities;
  if (!view.same_if.empty()) {
    RINGSIDE_TRY(const QueryResult same,
                 ask(snapshot, fmt::format("SELECT vcpu, {} FROM {} WHERE {} ORDER BY vcpu, {}", view.same_if,
                                           view.table, filter, view.order)));
    identities = by_vcpu(same);
  }
  const std::vector<policies::QueryColumn> columns(shown.columns.begin() + 1, shown.columns.end());
  auto groups = by_vcpu(shown);
  std::map<std::vector<std::vector<Value>>, std::int64_t>
      seen;  // a table's identity -> the first vCPU that has it
  bool first = true;
  for (const auto& row : counts.rows) {
    const std::int64_t vcpu = std::get<std::int64_t>(row[0]);
    const auto total = static_cast<std::uint64_t>(std::get<std::int64_t>(row[1]));
    if (!first) context.out << '\n';
    first = false;
    const std::string heading = context.style().bold(fmt::format("vCPU {}", vcpu));
    if (!view.same_if.empty()) {
      const auto [known, fresh] = seen.try_emplace(identities[vcpu], vcpu);
      if (!fresh) {
        context.out << heading << fmt::format("  the same table as vCPU {}\n", known->second);
        continue;
      }
    }
    const auto& rows = groups[vcpu];
    context.out << heading;
    if (total > rows.size())
      context.out << fmt::format("  ({} {} left out; --all shows them)", total - rows.size(), view.omitted);
    context.out << '\n' << text_table(columns, rows).render(context.style(), 2);
  }
  if (counts.rows.empty()) context.out << "nothing could be read\n";
  return note_incomplete(shown.incomplete);
}

}  // namespace

Outcome show_table(Context& context, const TableView& view, const TableArguments& arguments,
                   guest::live::MsrSource msrs) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(msrs));
  if (arguments.vcpu) RINGSIDE_CHECK(vcpu_state(*snapshot, *arguments.vcpu));
  const std::string filter = arguments.vcpu ? fmt::format("vcpu = {}", *arguments.vcpu) : "1";
  if (!context.options.json) return show_people(context, *snapshot, view, arguments, filter);
  RINGSIDE_TRY(
      const QueryResult all,
      ask(*snapshot, fmt::format("SELECT {} FROM {} WHERE {} ORDER BY vcpu, {}",
                                 all_columns(view.table, guest::linux::Kernel::of(*snapshot).has_value()),
                                 view.table, filter, view.order)));
  Json rows = Json::array();
  for (const auto& row : all.rows) rows.push_back(json_row(all.columns, row));
  write_document(context.out, {{"guest", guest_json(snapshot->info())},
                               {view.table, std::move(rows)},
                               {"incomplete", all.incomplete}});
  return note_incomplete(all.incomplete);
}

}  // namespace ringside::agent
