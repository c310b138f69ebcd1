// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/kept_text.h"
#include "guest/snapshot_stream.h"
#include "policies/engine/baseline.h"
#include "policies/engine/boot_record.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace ringside::policies {

namespace {

constexpr int kSchemaVersion = 4;
constexpr int kApplicationId = 0x52534442;  // "RSDB" (sqlite.org/fileformat.html, section 1.3.10)
constexpr int kBusyMilliseconds = 5000;
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

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};

/// One prepared statement; parameters in order of the arguments of `bind`.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) : db_(db) {
    code_ = sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  template <class... Arguments>
  Statement& bind(const Arguments&... arguments) {
    sqlite3_reset(statement_);
    int place = 0;
    (bind_one(++place, arguments), ...);
    return *this;
  }
  /// True: a row is there. False: done.
  Result<bool> step() {
    if (code_ == SQLITE_OK) {
      const int code = sqlite3_step(statement_);
      if (code == SQLITE_ROW) return true;
      if (code == SQLITE_DONE) return false;
    }
    return fail(Errc::io, std::string("baseline store: ") + sqlite3_errmsg(db_));
  }
  std::int64_t integer(int column) { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes == nullptr
               ? ""
               : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  ByteView blob(int column) {
    const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
    return {bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  Value value(int column) {
    switch (sqlite3_column_type(statement_, column)) {
      case SQLITE_INTEGER:
        return integer(column);
      case SQLITE_TEXT:
        return text(column);
      default:
        return std::monostate{};
    }
  }

 private:
  void bind_one(int place, std::int64_t number) { sqlite3_bind_int64(statement_, place, number); }
  void bind_one(int place, const std::string& text) {
    sqlite3_bind_text64(statement_, place, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  void bind_one(int place, ByteView bytes) {
    sqlite3_bind_blob64(statement_, place, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  }
  void bind_one(int place, std::optional<std::int64_t> number) {
    number ? sqlite3_bind_int64(statement_, place, *number) : sqlite3_bind_null(statement_, place);
  }
  void bind_one(int place, std::monostate) { sqlite3_bind_null(statement_, place); }
  void bind_one(int place, const Value& value) {
    std::visit([&](const auto& held) { bind_one(place, held); }, value);
  }

  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  int code_;
};

class Store final : public BaselineStore {
 public:
  Result<void> open_file(const std::string& path);
  Result<void> save(const Baseline& baseline) override;
  Result<std::optional<Baseline>> load(const std::string& guest) override;
  Result<std::optional<Baseline>> load(const std::string& guest, const std::string& build) override;
  Result<std::vector<Summary>> list() override;
  Result<bool> remove(const std::string& guest) override;

 private:
  Result<void> run(const char* sql);
  Result<void> prepare_schema(const std::string& path);
  Result<void> insert(const Baseline& baseline);
  Result<void> insert_table(std::int64_t baseline, const std::string& name, const StoredTable& table);
  Result<void> insert_text(std::int64_t baseline, const Baseline& from);
  Result<void> insert_boot(std::int64_t baseline, const BootRecord& boot);
  Result<void> insert_start_up(std::int64_t baseline, const StartUp& start_up);
  Result<std::optional<Baseline>> load_rows(const std::string& guest, const std::string* build);
  Result<std::shared_ptr<const BootRecord>> load_boot(std::int64_t id, const std::string& build);
  Result<void> load_carried(std::int64_t id, Carried& into);
  Result<std::optional<StartUp>> load_start_up(std::int64_t id);
  Result<void> load_text(std::int64_t id, Baseline& into);
  Result<StoredTable> load_table(std::int64_t id, std::int64_t rows);
  /// `work` inside one transaction; undone if it fails.
  template <class Work>
  Result<void> transaction(Work work) {
    RINGSIDE_CHECK(run("BEGIN IMMEDIATE"));
    Result<void> done = work();
    if (done) done = run("COMMIT");
    if (!done) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    return done;
  }

  std::unique_ptr<sqlite3, CloseDatabase> db_;
};

Result<void> Store::run(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(Errc::io, std::string("baseline store: ") + sqlite3_errmsg(db_.get()));
  return {};
}

Result<void> Store::open_file(const std::string& path) {
  std::error_code code;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, code);
  // Kernel addresses are nobody else's business: the file is made with mode 0600 before SQLite opens it.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return fail(Errc::io, "cannot open the baseline store " + path + ": " + std::strerror(errno));
  ::close(file);
  sqlite3* opened = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(opened);
  if (result != SQLITE_OK)
    return fail(Errc::io, "cannot open the baseline store " + path + ": " + sqlite3_errstr(result));
  sqlite3_busy_timeout(opened, kBusyMilliseconds);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  RINGSIDE_CHECK(prepare_schema(path));
  return run("PRAGMA foreign_keys = ON");
}

Result<void> Store::prepare_schema(const std::string& path) {
  return transaction([&]() -> Result<void> {
    Statement version(db_.get(),
                      "SELECT user_version, (SELECT count(*) FROM sqlite_schema), application_id "
                      "FROM pragma_user_version, pragma_application_id");
    RINGSIDE_CHECK(version.step());
    const auto found = version.integer(0), objects = version.integer(1), application = version.integer(2);
    RINGSIDE_CHECK(version.step());  // done with it: a table cannot be dropped meanwhile
    if (found == kSchemaVersion && application == kApplicationId) return {};
    if ((found == 1 || found == 2) && application == kApplicationId) {
      if (found == 1) RINGSIDE_CHECK(run(kTextSchema));
      RINGSIDE_CHECK(run(kFromVersion2));
      RINGSIDE_CHECK(run(kBootSchema));
      RINGSIDE_CHECK(run(kStartUpSchema));
      return run(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
    }
    if (found == 3 && application == kApplicationId) {
      RINGSIDE_CHECK(run(kStartUpSchema));
      RINGSIDE_CHECK(run(kFromVersion3));
      return run(("PRAGMA user_version = " + std::to_string(kSchemaVersion)).c_str());
    }
    if (found > kSchemaVersion && application == kApplicationId)
      return fail(Errc::unsupported, path + " was written by a newer ringside",
                  "use that version, or another file");
    if (objects != 0) return fail(Errc::malformed, path + " is not a baseline store");
    RINGSIDE_CHECK(run(kSchema));
    RINGSIDE_CHECK(run(kTextSchema));
    RINGSIDE_CHECK(run(kBootSchema));
    RINGSIDE_CHECK(run(kStartUpSchema));
    const std::string mark = "PRAGMA user_version = " + std::to_string(kSchemaVersion) +
                             "; PRAGMA application_id = " + std::to_string(kApplicationId);
    return run(mark.c_str());
  });
}

Result<void> Store::insert_table(std::int64_t baseline, const std::string& name, const StoredTable& table) {
  sqlite3* db = db_.get();
  Statement head(db, "INSERT INTO stored_table(baseline, name, row_count) VALUES(?, ?, ?)");
  RINGSIDE_CHECK(head.bind(baseline, name, static_cast<std::int64_t>(table.rows.size())).step());
  const std::int64_t id = sqlite3_last_insert_rowid(db);
  Statement column(db, "INSERT INTO stored_column VALUES(?, ?, ?)");
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    RINGSIDE_CHECK(column.bind(id, static_cast<std::int64_t>(i), table.columns[i]).step());
  Statement reason(db, "INSERT INTO incomplete VALUES(?, ?, ?)");
  for (std::size_t i = 0; i < table.incomplete.size(); ++i)
    RINGSIDE_CHECK(reason.bind(id, static_cast<std::int64_t>(i), table.incomplete[i]).step());
  Statement cell(db, "INSERT INTO cell VALUES(?, ?, ?, ?)");
  for (std::size_t row = 0; row < table.rows.size(); ++row)
    for (std::size_t i = 0; i < table.rows[row].size(); ++i)
      RINGSIDE_CHECK(
          cell.bind(id, static_cast<std::int64_t>(row), static_cast<std::int64_t>(i), table.rows[row][i])
              .step());
  return {};
}

Result<void> Store::insert(const Baseline& baseline) {
  // What an earlier version stored says of no build, and is of an earlier boot or of this one.
  Statement remove(db_.get(), "DELETE FROM baseline WHERE guest = ? AND build IN (?, '')");
  RINGSIDE_CHECK(remove.bind(baseline.guest, baseline.build()).step());
  Statement head(db_.get(), "INSERT INTO baseline(guest, taken, description, build) VALUES(?, ?, ?, ?)");
  const std::int64_t taken = baseline.taken.time_since_epoch().count();
  RINGSIDE_CHECK(head.bind(baseline.guest, taken, baseline.description, baseline.build()).step());
  const std::int64_t id = sqlite3_last_insert_rowid(db_.get());
  Statement oldest(db_.get(),
                   "DELETE FROM baseline WHERE guest = ?1 AND id NOT IN "
                   "(SELECT id FROM baseline WHERE guest = ?1 ORDER BY id DESC LIMIT ?2)");
  RINGSIDE_CHECK(oldest.bind(baseline.guest, std::int64_t{kMostBuilds}).step());
  if (baseline.boot) RINGSIDE_CHECK(insert_boot(id, *baseline.boot));
  for (const auto& [name, table] : baseline.tables) RINGSIDE_CHECK(insert_table(id, name, table));
  return insert_text(id, baseline);
}

Result<void> Store::insert_boot(std::int64_t baseline, const BootRecord& boot) {
  sqlite3* db = db_.get();
  Statement head(db, "INSERT INTO boot VALUES(?, ?, ?, ?, ?)");
  const auto& carried = boot.carried;
  std::optional<std::int64_t> from;
  if (carried) from = carried->from.time_since_epoch().count();
  RINGSIDE_CHECK(head.bind(baseline, boot.release, boot.boot, boot.machine, from).step());
  if (boot.start_up) RINGSIDE_CHECK(insert_start_up(baseline, *boot.start_up));
  Statement region(db, "INSERT INTO code_region VALUES(?, ?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const auto& one : boot.regions)
    RINGSIDE_CHECK(region
                       .bind(baseline, position++, one.owner, one.build,
                             static_cast<std::int64_t>(one.first.value), static_cast<std::int64_t>(one.size))
                       .step());
  if (!carried) return {};
  Statement table(db, "INSERT INTO carried_table VALUES(?, ?, ?, ?)");
  for (const auto* all : {&carried->tables, &carried->anew})
    for (const auto& [name, why] : *all)
      RINGSIDE_CHECK(table.bind(baseline, name, std::int64_t{all == &carried->anew}, why).step());
  Statement difference(db, "INSERT INTO over_reboot VALUES(?, ?, ?, ?, ?)");
  position = 0;
  for (const auto& one : carried->differences)
    RINGSIDE_CHECK(difference.bind(baseline, position++, one.table, one.key, one.column).step());
  return {};
}

Result<void> Store::insert_start_up(std::int64_t baseline, const StartUp& start_up) {
  std::optional<std::int64_t> learned;
  if (start_up.learned) learned = start_up.learned->time_since_epoch().count();
  Statement head(db_.get(), "INSERT INTO start_up VALUES(?, ?)");
  RINGSIDE_CHECK(head.bind(baseline, learned).step());
  Statement added(db_.get(), "INSERT INTO start_up_added VALUES(?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const auto* all : {&start_up.code, &start_up.tables})
    for (const auto& name : *all)
      RINGSIDE_CHECK(added.bind(baseline, position++, std::int64_t{all == &start_up.tables}, name).step());
  return {};
}

Result<void> Store::insert_text(std::int64_t baseline, const Baseline& from) {
  Statement reason(db_.get(), "INSERT INTO text_incomplete VALUES(?, ?, ?)");
  for (std::size_t i = 0; i < from.text_incomplete.size(); ++i)
    RINGSIDE_CHECK(reason.bind(baseline, static_cast<std::int64_t>(i), from.text_incomplete[i]).step());
  if (!from.text) return {};
  Statement region(db_.get(), "INSERT INTO text_region VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const auto& one : from.text->regions) {
    Bytes code;
    guest::Compressor compressor([&](ByteView piece) -> Result<void> {
      code.insert(code.end(), piece.begin(), piece.end());
      return {};
    });
    RINGSIDE_CHECK(compressor.add(one.bytes));
    RINGSIDE_CHECK(compressor.finish());
    guest::Sha256 hash;
    hash.add(one.bytes);
    const guest::Sha256Digest digest = hash.finish();
    RINGSIDE_CHECK(region
                       .bind(baseline, position++, one.module, one.identity,
                             static_cast<std::int64_t>(one.first.value),
                             static_cast<std::int64_t>(one.bytes.size()), ByteView(digest), ByteView(code))
                       .step());
  }
  return {};
}

Result<void> Store::save(const Baseline& baseline) {
  return transaction([&] { return insert(baseline); });
}

Result<StoredTable> Store::load_table(std::int64_t id, std::int64_t rows) {
  // The count is a number in a file, not a size to trust: rows grow as they come.
  StoredTable table;
  Statement columns(db_.get(), "SELECT name FROM stored_column WHERE stored_table = ? ORDER BY position");
  columns.bind(id);
  for (;;) {
    RINGSIDE_TRY(const bool more, columns.step());
    if (!more) break;
    table.columns.push_back(columns.text(0));
  }
  Statement reasons(db_.get(), "SELECT reason FROM incomplete WHERE stored_table = ? ORDER BY position");
  reasons.bind(id);
  for (;;) {
    RINGSIDE_TRY(const bool more, reasons.step());
    if (!more) break;
    table.incomplete.push_back(reasons.text(0));
  }
  Statement cells(db_.get(), "SELECT row, value FROM cell WHERE stored_table = ? ORDER BY row, position");
  cells.bind(id);
  std::int64_t last = -1;
  for (;;) {
    RINGSIDE_TRY(const bool more, cells.step());
    if (!more) break;
    if (cells.integer(0) != last) table.rows.emplace_back();
    last = cells.integer(0);
    table.rows.back().push_back(cells.value(1));
  }
  if (static_cast<std::int64_t>(table.rows.size()) != rows)
    return fail(Errc::malformed, "baseline store: rows of a table are missing");
  for (const auto& row : table.rows)
    if (row.size() != table.columns.size())
      return fail(Errc::malformed, "baseline store: a row is cut short");
  return table;
}

Result<std::optional<Baseline>> Store::load(const std::string& guest) {
  std::optional<Baseline> baseline;
  // One transaction, so that another process that saves at this moment is seen wholly or not at all.
  RINGSIDE_CHECK(transaction([&]() -> Result<void> {
    RINGSIDE_TRY(baseline, load_rows(guest, nullptr));
    return {};
  }));
  return baseline;
}

Result<std::optional<Baseline>> Store::load(const std::string& guest, const std::string& build) {
  std::optional<Baseline> baseline;
  RINGSIDE_CHECK(transaction([&]() -> Result<void> {
    RINGSIDE_TRY(baseline, load_rows(guest, &build));
    return {};
  }));
  return baseline;
}

/// `build` nullptr: any.
Result<std::optional<Baseline>> Store::load_rows(const std::string& guest, const std::string* build) {
  Statement head(
      db_.get(),
      "SELECT id, taken, description, build FROM baseline WHERE guest = ?1 AND (?2 IS NULL OR build = ?2) "
      "ORDER BY id DESC LIMIT 1");
  RINGSIDE_TRY(const bool found, head.bind(guest, build == nullptr ? Value() : Value(*build)).step());
  if (!found) return std::nullopt;
  Baseline baseline;
  baseline.guest = guest;
  baseline.taken = std::chrono::sys_seconds(std::chrono::seconds(head.integer(1)));
  baseline.description = head.text(2);
  RINGSIDE_TRY(baseline.boot, load_boot(head.integer(0), head.text(3)));
  Statement stored(db_.get(), "SELECT id, name, row_count FROM stored_table WHERE baseline = ?");
  stored.bind(head.integer(0));
  for (;;) {
    RINGSIDE_TRY(const bool more, stored.step());
    if (!more) break;
    RINGSIDE_TRY(auto table, load_table(stored.integer(0), stored.integer(2)));
    baseline.tables.emplace(stored.text(1), std::move(table));
  }
  RINGSIDE_CHECK(load_text(head.integer(0), baseline));
  return baseline;
}

/// nullptr: it was stored by a version that did not say.
Result<std::shared_ptr<const BootRecord>> Store::load_boot(std::int64_t id, const std::string& build) {
  Statement head(db_.get(), "SELECT release, boot, machine, carried_from FROM boot WHERE baseline = ?");
  RINGSIDE_TRY(const bool found, head.bind(id).step());
  if (!found) return nullptr;
  BootRecord boot{head.text(0), build, head.text(1), head.text(2), {}, {}};
  Statement region(db_.get(),
                   "SELECT owner, build, first, size FROM code_region WHERE baseline = ? ORDER BY position");
  region.bind(id);
  for (;;) {
    RINGSIDE_TRY(const bool more, region.step());
    if (!more) break;
    boot.regions.push_back({region.text(0), region.text(1),
                            guest::Gva{static_cast<std::uint64_t>(region.integer(2))},
                            static_cast<std::uint64_t>(region.integer(3))});
  }
  if (head.value(3) != Value()) {
    Carried& carried = boot.carried.emplace();
    carried.from = std::chrono::sys_seconds(std::chrono::seconds(head.integer(3)));
    RINGSIDE_CHECK(load_carried(id, carried));
  }
  RINGSIDE_TRY(boot.start_up, load_start_up(id));
  return std::make_shared<const BootRecord>(std::move(boot));
}

Result<void> Store::load_carried(std::int64_t id, Carried& into) {
  Statement table(db_.get(), "SELECT name, why, anew FROM carried_table WHERE baseline = ?");
  table.bind(id);
  for (;;) {
    RINGSIDE_TRY(const bool more, table.step());
    if (!more) break;
    (table.integer(2) != 0 ? into.anew : into.tables)[table.text(0)] = table.text(1);
  }
  Statement difference(
      db_.get(), "SELECT name, row_key, column_name FROM over_reboot WHERE baseline = ? ORDER BY position");
  difference.bind(id);
  for (;;) {
    RINGSIDE_TRY(const bool more, difference.step());
    if (!more) break;
    into.differences.push_back({difference.text(0), difference.text(1), difference.text(2)});
  }
  return {};
}

Result<std::optional<StartUp>> Store::load_start_up(std::int64_t id) {
  Statement head(db_.get(), "SELECT learned FROM start_up WHERE baseline = ?");
  RINGSIDE_TRY(const bool found, head.bind(id).step());
  if (!found) return std::nullopt;
  StartUp start_up;
  if (head.value(0) != Value())
    start_up.learned = std::chrono::sys_seconds(std::chrono::seconds(head.integer(0)));
  Statement added(db_.get(),
                  "SELECT is_table, name FROM start_up_added WHERE baseline = ? ORDER BY position");
  added.bind(id);
  for (;;) {
    RINGSIDE_TRY(const bool more, added.step());
    if (!more) break;
    (added.integer(0) != 0 ? start_up.tables : start_up.code).push_back(added.text(1));
  }
  return start_up;
}

Result<void> Store::load_text(std::int64_t id, Baseline& into) {
  namespace linux = guest::linux;
  Statement reasons(db_.get(), "SELECT reason FROM text_incomplete WHERE baseline = ? ORDER BY position");
  reasons.bind(id);
  for (;;) {
    RINGSIDE_TRY(const bool more, reasons.step());
    if (!more) break;
    into.text_incomplete.push_back(reasons.text(0));
  }
  linux::KeptText text;
  std::uint64_t total = 0;
  Statement regions(db_.get(),
                    "SELECT module, identity, first, size, digest, code FROM text_region WHERE baseline = ? "
                    "ORDER BY position");
  regions.bind(id);
  for (;;) {
    RINGSIDE_TRY(const bool more, regions.step());
    if (!more) break;
    // The size is a number in a file: it is bounded before memory is taken for it.
    const auto size = static_cast<std::uint64_t>(regions.integer(3));
    if (size > linux::KernelText::kMaxAll - total)
      return fail(Errc::malformed, "baseline store: code of a kernel would be too large");
    total += size;
    linux::KeptRegion one{regions.text(0), regions.text(1),
                          guest::Gva{static_cast<std::uint64_t>(regions.integer(2))}, Bytes(size)};
    guest::Decompressor frame(regions.blob(5));
    RINGSIDE_CHECK(frame.read(one.bytes));
    guest::Sha256 hash;
    hash.add(one.bytes);
    const guest::Sha256Digest digest = hash.finish();
    const ByteView stored = regions.blob(4);
    if (!std::equal(stored.begin(), stored.end(), digest.begin(), digest.end()))
      return fail(Errc::malformed, "baseline store: kept code is damaged");
    text.regions.push_back(std::move(one));
  }
  if (!text.regions.empty()) into.text = std::make_shared<const linux::KeptText>(std::move(text));
  return {};
}

Result<std::vector<BaselineStore::Summary>> Store::list() {
  Statement rows(db_.get(),
                 "SELECT guest, description, taken, (SELECT total(row_count) FROM stored_table AS t WHERE "
                 "t.baseline = b.id), build, coalesce(release, ''), carried_from "
                 "FROM baseline AS b LEFT JOIN boot ON boot.baseline = b.id ORDER BY guest, id DESC");
  std::vector<Summary> all;
  for (;;) {
    RINGSIDE_TRY(const bool more, rows.step());
    if (!more) break;
    Summary one{rows.text(0),
                rows.text(1),
                rows.text(5),
                rows.text(4),
                std::nullopt,
                std::chrono::sys_seconds(std::chrono::seconds(rows.integer(2))),
                static_cast<std::size_t>(rows.integer(3))};
    if (rows.value(6) != Value())
      one.carried_from = std::chrono::sys_seconds(std::chrono::seconds(rows.integer(6)));
    all.push_back(std::move(one));
  }
  return all;
}

Result<bool> Store::remove(const std::string& guest) {
  Statement statement(db_.get(), "DELETE FROM baseline WHERE guest = ?");
  RINGSIDE_CHECK(statement.bind(guest).step());
  return sqlite3_changes(db_.get()) > 0;
}

}  // namespace

Result<std::unique_ptr<BaselineStore>> BaselineStore::open(const std::string& path) {
  auto store = std::make_unique<Store>();
  RINGSIDE_CHECK(store->open_file(path));
  return store;
}

}  // namespace ringside::policies
