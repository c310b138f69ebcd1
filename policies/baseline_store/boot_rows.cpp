// SPDX-License-Identifier: Apache-2.0
#include "policies/baseline_store/boot_rows.h"

#include "policies/baseline_store/cells.h"

#include <SQLiteCpp/Database.h>

#include <chrono>
#include <optional>

namespace ringside::policies {

namespace {

using Moment = std::chrono::sys_time<std::chrono::seconds>;

Moment moment(SQLite::Statement& row, int column) {
  return Moment(std::chrono::seconds(integer(row, column)));
}

void insert_carried(SQLite::Database& database, std::int64_t baseline, const Carried& carried) {
  SQLite::Statement table(database, "INSERT INTO carried_table VALUES(?, ?, ?, ?)");
  for (const auto* all : {&carried.tables, &carried.anew})
    for (const auto& [name, why] : *all)
      with(table, baseline, name, std::int64_t{all == &carried.anew}, why).exec();
  SQLite::Statement difference(database, "INSERT INTO over_reboot VALUES(?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const auto& one : carried.differences)
    with(difference, baseline, position++, one.table, one.key, one.column).exec();
}

void load_carried(SQLite::Database& database, std::int64_t baseline, Carried& into) {
  SQLite::Statement table(database, "SELECT name, why, anew FROM carried_table WHERE baseline = ?");
  with(table, baseline);
  while (table.executeStep())
    (integer(table, 2) != 0 ? into.anew : into.tables)[text(table, 0)] = text(table, 1);
  SQLite::Statement difference(
      database, "SELECT name, row_key, column_name FROM over_reboot WHERE baseline = ? ORDER BY position");
  with(difference, baseline);
  while (difference.executeStep())
    into.differences.push_back({text(difference, 0), text(difference, 1), text(difference, 2)});
}

void insert_start_up(SQLite::Database& database, std::int64_t baseline, const StartUp& start_up) {
  std::optional<std::int64_t> learned;
  if (start_up.learned) learned = start_up.learned->time_since_epoch().count();
  SQLite::Statement head(database, "INSERT INTO start_up VALUES(?, ?)");
  with(head, baseline, learned).exec();
  SQLite::Statement added(database, "INSERT INTO start_up_added VALUES(?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const auto* all : {&start_up.code, &start_up.tables})
    for (const auto& name : *all)
      with(added, baseline, position++, std::int64_t{all == &start_up.tables}, name).exec();
}

std::optional<StartUp> load_start_up(SQLite::Database& database, std::int64_t baseline) {
  SQLite::Statement head(database, "SELECT learned FROM start_up WHERE baseline = ?");
  if (!with(head, baseline).executeStep()) return std::nullopt;
  StartUp start_up;
  if (value(head, 0) != Value()) start_up.learned = moment(head, 0);
  SQLite::Statement added(database,
                          "SELECT is_table, name FROM start_up_added WHERE baseline = ? ORDER BY position");
  with(added, baseline);
  while (added.executeStep())
    (integer(added, 0) != 0 ? start_up.tables : start_up.code).push_back(text(added, 1));
  return start_up;
}

}  // namespace

void insert_boot(SQLite::Database& database, std::int64_t baseline, const BootRecord& boot) {
  std::optional<std::int64_t> from;
  if (boot.carried) from = boot.carried->from.time_since_epoch().count();
  SQLite::Statement head(database, "INSERT INTO boot VALUES(?, ?, ?, ?, ?)");
  with(head, baseline, boot.release, boot.boot, boot.machine, from).exec();
  SQLite::Statement region(database, "INSERT INTO code_region VALUES(?, ?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const auto& one : boot.regions)
    with(region, baseline, position++, one.owner, one.build, static_cast<std::int64_t>(one.first.value),
         static_cast<std::int64_t>(one.size))
        .exec();
  if (boot.start_up) insert_start_up(database, baseline, *boot.start_up);
  if (boot.carried) insert_carried(database, baseline, *boot.carried);
}

std::shared_ptr<const BootRecord> load_boot(SQLite::Database& database, std::int64_t baseline,
                                            const std::string& build) {
  SQLite::Statement head(database,
                         "SELECT release, boot, machine, carried_from FROM boot WHERE baseline = ?");
  if (!with(head, baseline).executeStep()) return nullptr;
  BootRecord boot{text(head, 0), build, text(head, 1), text(head, 2), {}, {}};
  SQLite::Statement region(
      database, "SELECT owner, build, first, size FROM code_region WHERE baseline = ? ORDER BY position");
  with(region, baseline);
  while (region.executeStep())
    boot.regions.push_back({text(region, 0), text(region, 1),
                            guest::Gva{static_cast<std::uint64_t>(integer(region, 2))},
                            static_cast<std::uint64_t>(integer(region, 3))});
  if (value(head, 3) != Value()) {
    Carried& carried = boot.carried.emplace();
    carried.from = moment(head, 3);
    load_carried(database, baseline, carried);
  }
  boot.start_up = load_start_up(database, baseline);
  return std::make_shared<const BootRecord>(std::move(boot));
}

}  // namespace ringside::policies
