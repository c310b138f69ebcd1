// SPDX-License-Identifier: Apache-2.0
#include "policies/baseline_store/schema.h"

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

#include <cstdint>

namespace ringside::policies {

namespace {

constexpr std::int64_t kSchemaVersion = 4;
constexpr std::int64_t kApplicationId = 0x52534442;  // "RSDB" (sqlite.org/fileformat.html, section 1.3.10)
// Cells are SQLite values as they are: NULL, INTEGER or TEXT.
constexpr const char* kSchema = R"(
CREATE TABLE baseline(
  id INTEGER PRIMARY KEY, guest TEXT NOT NULL, taken INTEGER NOT NULL, description TEXT NOT NULL,
  build TEXT NOT NULL DEFAULT '', UNIQUE(guest, build));
CREATE TABLE stored_table(
  id INTEGER PRIMARY KEY, baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE,
  name TEXT NOT NULL, row_count INTEGER NOT NULL, UNIQUE(baseline, name));
CREATE TABLE stored_column(
  stored_table INTEGER NOT NULL REFERENCES stored_table(id) ON DELETE CASCADE,
  position INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(stored_table, position)) WITHOUT ROWID;
CREATE TABLE incomplete(
  stored_table INTEGER NOT NULL REFERENCES stored_table(id) ON DELETE CASCADE,
  position INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(stored_table, position)) WITHOUT ROWID;
CREATE TABLE cell(
  stored_table INTEGER NOT NULL REFERENCES stored_table(id) ON DELETE CASCADE,
  row INTEGER NOT NULL, position INTEGER NOT NULL, value,
  PRIMARY KEY(stored_table, row, position)) WITHOUT ROWID;
)";
// From version 2 on. `code` is one zstd frame of `size` bytes; `digest` is the SHA-256 of what it holds.
constexpr const char* kTextSchema = R"(
CREATE TABLE text_region(
  baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE, position INTEGER NOT NULL,
  module TEXT NOT NULL, identity TEXT NOT NULL, first INTEGER NOT NULL, size INTEGER NOT NULL,
  digest BLOB NOT NULL, code BLOB NOT NULL, PRIMARY KEY(baseline, position));
CREATE TABLE text_incomplete(
  baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE,
  position INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(baseline, position)) WITHOUT ROWID;
)";
// From version 3 on: `baseline.build`, and these. Until then a guest had one baseline, of which it was not
// said of which kernel and boot it is; it keeps build '' and no row in `boot`.
constexpr const char* kBootSchema = R"(
CREATE TABLE boot(
  baseline INTEGER PRIMARY KEY REFERENCES baseline(id) ON DELETE CASCADE, release TEXT NOT NULL, boot TEXT NOT NULL,
  machine TEXT NOT NULL, carried_from INTEGER);
CREATE TABLE code_region(
  baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE, position INTEGER NOT NULL,
  owner TEXT NOT NULL, build TEXT NOT NULL, first INTEGER NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY(baseline, position)) WITHOUT ROWID;
CREATE TABLE carried_table(
  baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE, name TEXT NOT NULL, anew INTEGER NOT NULL,
  why TEXT NOT NULL, PRIMARY KEY(baseline, name)) WITHOUT ROWID;
CREATE TABLE over_reboot(
  baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE, position INTEGER NOT NULL,
  name TEXT NOT NULL, row_key TEXT NOT NULL, column_name TEXT NOT NULL, PRIMARY KEY(baseline, position)) WITHOUT ROWID;
)";
// From version 4 on. No row: start-up was over when the baseline was taken; `learned` NULL: it still goes on.
constexpr const char* kStartUpSchema = R"(
CREATE TABLE start_up(baseline INTEGER PRIMARY KEY REFERENCES baseline(id) ON DELETE CASCADE, learned INTEGER);
CREATE TABLE start_up_added(
  baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE, position INTEGER NOT NULL,
  is_table INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(baseline, position)) WITHOUT ROWID;
)";
// Version 3 kept that of baselines that were carried over only.
constexpr const char* kFromVersion3 = R"(
INSERT INTO start_up SELECT baseline, NULL FROM boot WHERE settled = 0;
ALTER TABLE boot DROP COLUMN settled;
)";
// SQLite adds a column, but takes no UNIQUE away (sqlite.org/lang_altertable.html, section 7). Foreign keys
// are off meanwhile.
constexpr const char* kFromVersion2 = R"(
CREATE TABLE baseline_3(
  id INTEGER PRIMARY KEY, guest TEXT NOT NULL, taken INTEGER NOT NULL, description TEXT NOT NULL,
  build TEXT NOT NULL DEFAULT '', UNIQUE(guest, build));
INSERT INTO baseline_3(id, guest, taken, description) SELECT id, guest, taken, description FROM baseline;
DROP TABLE baseline;
ALTER TABLE baseline_3 RENAME TO baseline;
)";

}  // namespace

Result<void> prepare_schema(SQLite::Database& database, const std::string& path) {
  const auto number = [&](const char* query) { return database.execAndGet(query).getInt64(); };
  const auto found = number("PRAGMA user_version"), application = number("PRAGMA application_id");
  const bool ours = application == kApplicationId;
  if (ours && found == kSchemaVersion) return {};
  if (ours && found > kSchemaVersion)
    return fail(Errc::unsupported, path + " was written by a newer ringside",
                "use that version, or another file");
  if (ours && (found == 1 || found == 2)) {
    if (found == 1) database.exec(kTextSchema);
    for (const char* step : {kFromVersion2, kBootSchema, kStartUpSchema}) database.exec(step);
  } else if (ours && found == 3) {
    for (const char* step : {kStartUpSchema, kFromVersion3}) database.exec(step);
  } else if (number("SELECT count(*) FROM sqlite_schema") == 0) {
    for (const char* step : {kSchema, kTextSchema, kBootSchema, kStartUpSchema}) database.exec(step);
  } else {
    return fail(Errc::malformed, path + " is not a baseline store");
  }
  database.exec(
      fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {}", kSchemaVersion, kApplicationId));
  return {};
}

}  // namespace ringside::policies
