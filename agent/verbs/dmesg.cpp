// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"
#include "agent/output/cells.h"
#include "agent/output/style.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::optional<unsigned> level;
  bool show_level = false;
};

constexpr std::string_view kLevels[] = {"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"};

/// One line of the kernel's log a line, as dmesg(1) prints it: "[    0.004000] text". Lines after the first
/// are indented below it.
void print(std::ostream& out, const std::vector<policies::Value>& row, bool with_level) {
  const auto nanoseconds = static_cast<std::uint64_t>(std::get<std::int64_t>(row[0]));
  const auto level = static_cast<std::size_t>(std::get<std::int64_t>(row[1]));
  const auto* text = std::get_if<std::string>(&row[2]);
  if (text == nullptr) return;
  std::string head =
      fmt::format("[{:5}.{:06}] ", nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000 / 1000);
  if (with_level) head = fmt::format("{:<6} {}", level < std::size(kLevels) ? kLevels[level] : "?", head);
  std::size_t start = 0;
  while (true) {
    const auto end = text->find('\n', start);
    out << head
        << printable(std::string_view(*text).substr(start, end == std::string::npos ? end : end - start))
        << '\n';
    if (end == std::string::npos) return;
    start = end + 1;
  }
}

Outcome dmesg(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  const std::string filter = arguments.level ? fmt::format("level <= {}", *arguments.level) : "1";
  if (context.options.json) {
    RINGSIDE_TRY(const auto all,
                 ask(*snapshot, fmt::format("SELECT * FROM dmesg WHERE {} ORDER BY sequence", filter)));
    Json rows = Json::array();
    for (const auto& row : all.rows) rows.push_back(json_row(all.columns, row));
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {"dmesg", std::move(rows)},
                                 {"incomplete", all.incomplete}});
    return note_incomplete(all.incomplete);
  }
  RINGSIDE_TRY(
      const auto shown,
      ask(*snapshot,
          fmt::format("SELECT timestamp, level, text FROM dmesg WHERE {} ORDER BY sequence", filter)));
  for (const auto& row : shown.rows) print(context.out, row, arguments.show_level);
  return note_incomplete(shown.incomplete);
}

}  // namespace

void add_dmesg(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("dmesg", "Show the kernel log of a Linux guest");
  add_target(*verb, context);
  const auto arguments = std::make_shared<Arguments>();
  std::map<std::string, unsigned> levels;
  for (unsigned i = 0; i < std::size(kLevels); ++i) levels.emplace(kLevels[i], i);
  verb->add_option("--level", arguments->level, "Only records of this level and of more urgent ones")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case))
      ->type_name("LEVEL");
  verb->add_flag("--show-level", arguments->show_level, "Print the level of each record");
  add_example(*verb, "  ringside dmesg /run/vm.qmp --level warn");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return dmesg(context, *arguments); };
  });
}

}  // namespace ringside::agent
