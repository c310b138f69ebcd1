// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/cells.h"
#include "agent/output/process_tree.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::optional<std::uint64_t> pid;
  bool threads = false, tree = false, wide = false;
};

// What ps -ef shows, and the executable, which a process cannot choose as freely as its command line. Kernel
// threads have neither and stand in brackets.
constexpr std::string_view kProcesses =
    "SELECT pid, ppid, uid, state, coalesce(substr(start_time, 1, 19) || 'Z', printf('boot + %.2f s', "
    "start_boottime / 1e9)) AS started, threads, tty, "
    "CASE WHEN kernel_thread THEN '[' || coalesce(name, comm) || ']' ELSE coalesce(exe, comm) END AS exe, {} "
    "AS cmdline "
    "FROM processes WHERE {} ORDER BY pid";
constexpr std::string_view kThreads =
    "SELECT pid, tid, uid, state, coalesce(substr(start_time, 1, 19) || 'Z', printf('boot + %.2f s', "
    "start_boottime / 1e9)) AS started, cpu, policy, priority, "
    "CASE WHEN kernel_thread THEN '[' || coalesce(name, comm) || ']' ELSE comm END AS comm FROM threads "
    "WHERE {} "
    "ORDER BY pid, tid";

/// Nothing to show, and nothing that could not be read either: there is no such process.
Outcome outcome_of(const policies::QueryResult& result, const Arguments& arguments) {
  if (arguments.pid && result.rows.empty() && result.incomplete.empty())
    return fail(Error{Errc::invalid_argument, fmt::format("there is no process {}", *arguments.pid)});
  return note_incomplete(result.incomplete);
}

Outcome show_people(Context& context, guest::Snapshot& snapshot, const Arguments& arguments,
                    const std::string& filter) {
  constexpr std::string_view kShort =
      "CASE WHEN length(cmdline) > 120 THEN substr(cmdline, 1, 117) || '...' ELSE cmdline END";
  RINGSIDE_TRY(auto result,
               ask(snapshot, arguments.threads
                                 ? fmt::format(kThreads, filter)
                                 : fmt::format(kProcesses, arguments.wide ? "cmdline" : kShort, filter)));
  auto outcome = outcome_of(result, arguments);
  if (!outcome) return outcome;
  if (arguments.tree) {
    constexpr std::size_t kPid = 0, kParent = 1, kName = 7;
    result.rows = as_tree(std::move(result.rows), kPid, kParent, kName);
  }
  context.out << text_table(result.columns, result.rows).render(context.style());
  return outcome;
}

Outcome ps(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  const std::string filter = arguments.pid ? fmt::format("pid = {}", *arguments.pid) : "1";
  if (!context.options.json) return show_people(context, *snapshot, arguments, filter);
  const std::string table = arguments.threads ? "threads" : "processes";
  RINGSIDE_TRY(const auto all, ask(*snapshot, fmt::format("SELECT * FROM {} WHERE {} ORDER BY pid{}", table,
                                                          filter, arguments.threads ? ", tid" : "")));
  auto outcome = outcome_of(all, arguments);
  if (!outcome) return outcome;
  Json rows = Json::array();
  for (const auto& row : all.rows) rows.push_back(json_row(all.columns, row));
  write_document(
      context.out,
      {{"guest", guest_json(snapshot->info())}, {table, std::move(rows)}, {"incomplete", all.incomplete}});
  return outcome;
}

}  // namespace

void add_ps(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("ps", "Show the processes of a Linux guest");
  add_target(*verb, context);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("--pid", arguments->pid, "Only this process")->type_name("PID");
  auto* threads = verb->add_flag("--threads", arguments->threads, "One line a thread");
  verb->add_flag("--tree", arguments->tree, "Children below their parents")->excludes(threads);
  verb->add_flag("--wide", arguments->wide, "Whole command lines");
  add_example(*verb,
              "  ringside ps /run/vm.qmp --tree\n"
              "  ringside ps /run/vm.qmp --json     all that is known of each process");
  verb->callback(
      [&context, arguments] { context.action = [&context, arguments] { return ps(context, *arguments); }; });
}

}  // namespace ringside::agent
