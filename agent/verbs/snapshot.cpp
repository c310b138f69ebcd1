// SPDX-License-Identifier: Apache-2.0
#include "agent/inspection.h"
#include "agent/log.h"
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/signals.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"
#include "guest/linux/kernel.h"
#include "guest/snapshot_file.h"
#include "policies/engine/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::string file;
  bool full = false, paused = false, small = false;
  std::vector<std::string> tables;
};

/// Whether a table is to be held: those that read megabytes only if they were asked for.
bool wanted(const policies::Table& table, const std::vector<std::string>& bulk) {
  return !table.bulk || std::find(bulk.begin(), bulk.end(), table.name) != bulk.end();
}

/// Reads every table to its last row, so that the snapshot holds every page they touch.
std::vector<std::string> touch_tables(policies::Database& database, const std::vector<std::string>& bulk) {
  std::vector<std::string> incomplete;
  for (const auto& table : policies::tables()) {
    if (!wanted(table, bulk)) continue;
    // A table reads only what a query looks at: this one looks at every column.
    std::string columns;
    for (const auto& column : table.columns) columns += fmt::format(", count(\"{}\")", column.name);
    const auto result = database.query(fmt::format("SELECT count(*){} FROM {}", columns, table.name));
    if (!result)
      incomplete.push_back(fmt::format("{}: {}", table.name, result.error().message));
    else
      incomplete.insert(incomplete.end(), result->incomplete.begin(), result->incomplete.end());
  }
  return incomplete;
}

/// Runs the checks that ship: some read kernel variables that no table shows (read_u64). What they say is no
/// matter here; a scan of the file says it.
void touch_checks(policies::Database& database, const std::vector<std::string>& bulk) {
  for (const auto& policy : policies::shipped_policies().policies)
    for (const auto& check : policy.checks) {
      const auto info = database.describe(check.query);
      if (info && std::all_of(info->tables.begin(), info->tables.end(), [&](const std::string& name) {
            const auto* table = policies::find_table(name);
            return table != nullptr && wanted(*table, bulk);
          }))
        (void)database.query(check.query);
    }
}

/// Has the snapshot hold all that tables and checks read; gives what could not be read.
Result<std::vector<std::string>> hold_what_is_asked(guest::Snapshot& snapshot,
                                                    const std::vector<std::string>& bulk) {
  RINGSIDE_TRY(auto database, policies::Database::create());
  database->bind(&snapshot);
  if (const auto kernel = guest::linux::Kernel::of(snapshot)) (*kernel)->hold_tables();
  auto incomplete = touch_tables(*database, bulk);
  touch_checks(*database, bulk);
  // A file that holds the code can be a baseline of it, with what tells one loading of a module from another.
  const auto of_code = [](const std::string& name) {
    return name == "kernel_text_changes" || name == "module_text_changes";
  };
  if (std::any_of(bulk.begin(), bulk.end(), of_code)) (void)policies::take_baseline(snapshot);
  return incomplete;
}

/// Reads all RAM and ROM; pages that cannot be read are counted.
Result<std::uint64_t> read_everything(guest::Snapshot& snapshot) {
  static constexpr std::uint64_t kBatch = 4096;  // pages: 16 MiB a call
  std::uint64_t unreadable = 0;
  std::vector<guest::Gpa> batch;
  const auto flush = [&] {
    snapshot.prefetch(batch);
    for (const guest::Gpa page : batch)
      if (!snapshot.page(page)) ++unreadable;
    batch.clear();
  };
  const auto ranges = snapshot.map().ranges();
  for (const auto& range : ranges)
    for (std::uint64_t at = 0; at < range.size; at += guest::kPageSize) {
      if (signals::received() != 0) return fail(Errc::cancelled, "interrupted");
      batch.push_back(guest::page_of(range.start + at));
      if (batch.size() == kBatch) flush();
    }
  flush();
  return unreadable;
}

Outcome save(Context& context, const Arguments& arguments) {
  for (const std::string& name : arguments.tables)
    if (policies::find_table(name) == nullptr)
      return fail(Failure(
          {Errc::invalid_argument, "there is no table \"" + name + "\"", "ringside tables lists them"},
          Exit::usage));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::live::LiveGuest * live, session->need_live("snapshot save"));
  std::unique_ptr<guest::live::FreezeWindow> window;
  if (arguments.paused) {
    RINGSIDE_TRY(window, live->freeze());
  }
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(context.options.msrs));
  RINGSIDE_TRY(std::vector<std::string> incomplete, hold_what_is_asked(*snapshot, arguments.tables));
  if (arguments.full) {
    RINGSIDE_TRY(const std::uint64_t unreadable, read_everything(*snapshot));
    if (unreadable > 0) incomplete.push_back(counted(unreadable, "page") + " of guest memory");
  }
  if (window) {
    RINGSIDE_CHECK(window->close());
    log::info(fmt::format("the guest was frozen for {}", human_duration(window->frozen_for())));
  }
  if (auto saved = guest::save_snapshot(
          *snapshot, arguments.file, arguments.small ? guest::Compression::small : guest::Compression::fast);
      !saved)
    return fail(Failure(std::move(saved).error(), Exit::internal));
  std::error_code ignored;
  const std::uint64_t size = std::filesystem::file_size(arguments.file, ignored);
  if (context.options.json)
    write_document(context.out, {{"guest", guest_json(snapshot->info())},
                                 {"file", arguments.file},
                                 {"file_size", size},
                                 {"pages", snapshot->pages().size()},
                                 {"full", arguments.full},
                                 {"paused", arguments.paused},
                                 {"incomplete", incomplete}});
  else
    context.out << fmt::format("saved {} of guest memory and the registers of {} into {} ({})\n",
                               human_size(snapshot->pages().size() * guest::kPageSize),
                               counted(snapshot->cpus(guest::RegisterGroups::none).size(), "vCPU"),
                               arguments.file, human_size(size));
  return note_incomplete(incomplete);
}

Outcome show(Context& context) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  if (session->live() != nullptr)
    return fail(
        Failure({Errc::invalid_argument, context.options.target + " is a running guest, not a snapshot file",
                 "use ringside inspect"}));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::none));
  const std::uint64_t pages = snapshot->pages().size();
  RINGSIDE_TRY(const Inspection inspection, look_at(*session, guest::live::MsrSource::none));
  if (context.options.json) {
    Json document = to_json(inspection);
    document["pages"] = pages;
    write_document(context.out, document);
  } else {
    context.out << render(inspection, context.style(), false);
  }
  return Exit::clean;
}

}  // namespace

void add_snapshot(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("snapshot", "Save a guest's state to a file, or show one");
  verb->require_subcommand(1);
  add_example(*verb, "  ringside snapshot save /run/vm.qmp vm.rsnap\n  ringside idt vm.rsnap");
  const auto arguments = std::make_shared<Arguments>();

  auto* save_verb = verb->add_subcommand("save", "Save registers and guest memory to a file");
  add_target(*save_verb, context);
  save_verb->add_option("FILE", arguments->file, "File to write")->required()->type_name("");
  save_verb->add_flag("--full", arguments->full, "All RAM and ROM, not only what the tables touch");
  save_verb
      ->add_option("--table", arguments->tables,
                   "Also what this table touches, of those that read megabytes (kernel_text_changes, ...)")
      ->type_name("NAME")
      ->take_all();
  save_verb->add_flag("--paused", arguments->paused,
                      "Stop the guest meanwhile, so that all of it is of one moment");
  save_verb->add_flag("--small", arguments->small, "Take longer to make the file a quarter smaller");
  add_msr_option(*save_verb, context);
  add_example(*save_verb, "  ringside snapshot save /run/vm.qmp vm.rsnap");
  save_verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return save(context, *arguments); };
  });

  auto* show_verb = verb->add_subcommand("show", "Show what a snapshot file holds");
  show_verb->add_option("FILE", context.options.target, "Snapshot file")->required()->type_name("");
  add_output_options(*show_verb, context);
  add_example(*show_verb, "  ringside snapshot show vm.rsnap");
  show_verb->callback([&context] { context.action = [&context] { return show(context); }; });
}

}  // namespace ringside::agent
