// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/shell.h"

#include "agent/cli.h"
#include "agent/output/format.h"
#include "agent/policies.h"
#include "agent/shell/commands.h"
#include "agent/signals.h"
#include "agent/statement_needs.h"
#include "agent/verbs/support.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <ostream>

namespace ringside::agent {

namespace {

constexpr unsigned kMaxDepth = 8;

std::chrono::microseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace

Shell::Shell(Context& context, Session& session, policies::Database& database, Settings given)
    : settings(given),
      context_(context),
      session_(session),
      database_(database),
      vocabulary_(sql_vocabulary()) {
  vocabulary_.functions = database.functions();
  vocabulary_.commands = command_vocabulary();
}

std::string Shell::prompt() const {
  return reader_.begun() ? "     ...> " : "ringside> ";
}

Completion Shell::complete(std::string_view line, std::size_t cursor) const {
  const std::string before = reader_.begun() ? reader_.pending() : std::string();
  Completion found = agent::complete(before + std::string(line), before.size() + cursor, vocabulary_);
  if (found.start < before.size()) return {cursor, {}};  // the word began on an earlier line
  found.start -= before.size();
  return found;
}

void Shell::note(const Outcome& outcome) {
  if (!outcome) report(outcome.error(), context_);
  worst_ = worse(worst_, outcome ? *outcome : outcome.error().exit);
  context_.out.flush();
}

Exit Shell::run(LineSource& lines) {
  StatementReader outer;  // a file that is read in the midst of another starts afresh
  std::swap(outer, reader_);
  while (!quit_ && signals::received() == 0) {
    auto line = lines.next(prompt());
    if (line.what == LineSource::Line::What::end) break;
    if (line.what == LineSource::Line::What::interrupted) {
      reader_.clear();
      continue;
    }
    if (!reader_.begun() && line.text.starts_with('.')) {
      lines.remember(line.text);
      note(run_command(*this, line.text));
      continue;
    }
    if (!reader_.add(line.text)) {
      note(fail(Failure({Errc::oversized, "the statement is longer than 128 KiB"}, Exit::usage)));
      continue;
    }
    while (auto sql = reader_.take()) {
      lines.remember(on_one_line(*sql));
      note(execute(*sql));
    }
  }
  if (const auto rest = reader_.take_rest(); rest && !quit_ && !lines.interactive()) note(execute(*rest));
  std::swap(outer, reader_);
  return worst_;
}

Outcome Shell::run_file(const std::string& path) {
  if (depth_ >= kMaxDepth)
    return fail(Failure({Errc::oversized, fmt::format("{}: files read each other {} deep", path, kMaxDepth)},
                        Exit::usage));
  std::ifstream file(path);
  if (!file) return fail(Failure({Errc::io, fmt::format("{}: {}", path, std::strerror(errno))}, Exit::usage));
  StreamLines lines(file);
  ++depth_;
  const Exit exit = run(lines);
  --depth_;
  return exit;
}

Result<guest::Snapshot*> Shell::snapshot_for(const policies::StatementInfo& info) {
  if (held_ != nullptr && !settings.refresh) return held_;
  held_ = nullptr;
  // One that is held serves statements that are not known yet.
  const auto msrs = settings.refresh ? needed_msrs(info, context_.options.msrs) : context_.options.msrs;
  RINGSIDE_TRY(held_, session_.snapshot(msrs));
  return held_;
}

Outcome Shell::execute(const std::string& sql) {
  const auto info = database_.describe(sql);
  if (!info) return fail(bad_sql(sql, info.error()));
  signals::clear_interrupt();
  const auto start = std::chrono::steady_clock::now();
  RINGSIDE_TRY(guest::Snapshot * snapshot, snapshot_for(*info));
  const auto taken = since(start);
  RINGSIDE_CHECK(bind_needed_baseline(database_, *info, *snapshot));
  database_.bind(snapshot);
  policies::QueryLimits limits;
  limits.time = settings.time;
  limits.cancel = &signals::interrupted();
  auto result = database_.query(sql, limits);
  const auto whole = since(start);
  if (!result) {
    const bool given_up = result.error().code == Errc::cancelled;
    return given_up ? Outcome(fail(Failure(result.error(), Exit::unchecked))) : fail(Failure(result.error()));
  }
  context_.out << render_answer(settings.mode, snapshot->info(), *result, context_.style());
  if (settings.mode == AnswerMode::table && context_.out_is_terminal && !context_.options.quiet)
    context_.err << counted(result->rows.size(), "row") << '\n';
  if (settings.timer)
    context_.err << fmt::format("snapshot {}, query {}\n", human_duration(taken),
                                human_duration(whole - taken));
  return note_incomplete(result->incomplete);
}

}  // namespace ringside::agent
