// SPDX-License-Identifier: Apache-2.0
#include "policies/baseline_store/boot_rows.h"
#include "policies/baseline_store/cells.h"
#include "policies/baseline_store/schema.h"
#include "policies/baseline_store/table_rows.h"
#include "policies/baseline_store/text_rows.h"
#include "policies/engine/baseline.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Transaction.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <utility>

namespace ringside::policies {

namespace {

using SQLite::TransactionBehavior;

constexpr int kBusyMilliseconds = 5000;

using Moment = std::chrono::sys_time<std::chrono::seconds>;

Error to_error(const SQLite::Exception& thrown) {
  return {Errc::io, std::string("baseline store: ") + thrown.what(), ""};
}

class Store final : public BaselineStore {
 public:
  explicit Store(std::unique_ptr<SQLite::Database> database) : database_(std::move(database)) {}
  Result<void> prepare(const std::string& path);
  Result<void> save(const Baseline& baseline) override;
  Result<std::optional<Baseline>> load(const std::string& guest) override { return load(guest, nullptr); }
  Result<std::optional<Baseline>> load(const std::string& guest, const std::string& build) override {
    return load(guest, &build);
  }
  Result<std::vector<Summary>> list() override;
  Result<bool> remove(const std::string& guest) override;

 private:
  /// `work` inside one transaction; undone if it fails. What SQLite throws inside comes back as `io`.
  Result<void> transaction(TransactionBehavior behavior, const std::function<Result<void>()>& work);
  Result<void> insert(const Baseline& baseline);
  Result<std::optional<Baseline>> load(const std::string& guest, const std::string* build);
  Result<std::optional<Baseline>> load_rows(const std::string& guest, const std::string* build);

  std::unique_ptr<SQLite::Database> database_;
};

Result<void> Store::transaction(TransactionBehavior behavior, const std::function<Result<void>()>& work) {
  try {
    SQLite::Transaction all(*database_, behavior);
    RINGSIDE_CHECK(work());
    all.commit();
    return {};
  } catch (const SQLite::Exception& thrown) {
    return fail(to_error(thrown));
  }
}

Result<void> Store::prepare(const std::string& path) {
  sqlite3_db_config(database_->getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  RINGSIDE_CHECK(
      transaction(TransactionBehavior::IMMEDIATE, [&] { return prepare_schema(*database_, path); }));
  try {
    database_->exec("PRAGMA foreign_keys = ON");
  } catch (const SQLite::Exception& thrown) {
    return fail(to_error(thrown));
  }
  return {};
}

Result<void> Store::insert(const Baseline& baseline) {
  // What an earlier version stored says of no build, and is of an earlier boot or of this one.
  SQLite::Statement remove(*database_, "DELETE FROM baseline WHERE guest = ? AND build IN (?, '')");
  with(remove, baseline.guest, baseline.build()).exec();
  SQLite::Statement head(*database_,
                         "INSERT INTO baseline(guest, taken, description, build) VALUES(?, ?, ?, ?)");
  with(head, baseline.guest, std::int64_t{baseline.taken.time_since_epoch().count()}, baseline.description,
       baseline.build())
      .exec();
  const std::int64_t id = database_->getLastInsertRowid();
  SQLite::Statement oldest(*database_,
                           "DELETE FROM baseline WHERE guest = ?1 AND id NOT IN "
                           "(SELECT id FROM baseline WHERE guest = ?1 ORDER BY id DESC LIMIT ?2)");
  with(oldest, baseline.guest, std::int64_t{kMostBuilds}).exec();
  if (baseline.boot) insert_boot(*database_, id, *baseline.boot);
  insert_tables(*database_, id, baseline.tables);
  return insert_text(*database_, id, baseline);
}

Result<void> Store::save(const Baseline& baseline) {
  return transaction(TransactionBehavior::IMMEDIATE, [&] { return insert(baseline); });
}

/// `build` nullptr: any.
Result<std::optional<Baseline>> Store::load(const std::string& guest, const std::string* build) {
  std::optional<Baseline> baseline;
  // One transaction, so that another process that saves at this moment is seen wholly or not at all.
  RINGSIDE_CHECK(transaction(TransactionBehavior::DEFERRED, [&]() -> Result<void> {
    RINGSIDE_TRY(baseline, load_rows(guest, build));
    return {};
  }));
  return baseline;
}

Result<std::optional<Baseline>> Store::load_rows(const std::string& guest, const std::string* build) {
  SQLite::Statement head(
      *database_,
      "SELECT id, taken, description, build FROM baseline WHERE guest = ?1 AND (?2 IS NULL OR build = ?2) "
      "ORDER BY id DESC LIMIT 1");
  if (!with(head, guest, build == nullptr ? Value() : Value(*build)).executeStep()) return std::nullopt;
  const std::int64_t id = integer(head, 0);
  Baseline baseline;
  baseline.guest = guest;
  baseline.taken = Moment(std::chrono::seconds(integer(head, 1)));
  baseline.description = text(head, 2);
  baseline.boot = load_boot(*database_, id, text(head, 3));
  RINGSIDE_TRY(baseline.tables, load_tables(*database_, id));
  RINGSIDE_CHECK(load_text(*database_, id, baseline));
  return baseline;
}

Result<std::vector<BaselineStore::Summary>> Store::list() {
  std::vector<Summary> all;
  RINGSIDE_CHECK(transaction(TransactionBehavior::DEFERRED, [&]() -> Result<void> {
    SQLite::Statement rows(
        *database_,
        "SELECT guest, description, coalesce(release, ''), build, carried_from, taken, "
        "(SELECT total(row_count) FROM stored_table AS t WHERE t.baseline = b.id) "
        "FROM baseline AS b LEFT JOIN boot ON boot.baseline = b.id ORDER BY guest, id DESC");
    while (rows.executeStep()) {
      Summary one{text(rows, 0), text(rows, 1), text(rows, 2), text(rows, 3)};
      if (value(rows, 4) != Value()) one.carried_from = Moment(std::chrono::seconds(integer(rows, 4)));
      one.taken = Moment(std::chrono::seconds(integer(rows, 5)));
      one.rows = static_cast<std::size_t>(integer(rows, 6));
      all.push_back(std::move(one));
    }
    return {};
  }));
  return all;
}

Result<bool> Store::remove(const std::string& guest) {
  bool removed = false;
  RINGSIDE_CHECK(transaction(TransactionBehavior::IMMEDIATE, [&]() -> Result<void> {
    SQLite::Statement statement(*database_, "DELETE FROM baseline WHERE guest = ?");
    removed = with(statement, guest).exec() > 0;
    return {};
  }));
  return removed;
}

}  // namespace

Result<std::unique_ptr<BaselineStore>> BaselineStore::open(const std::string& path) {
  std::error_code code;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, code);
  // Kernel addresses are nobody else's business: the file is made with mode 0600 before SQLite opens it.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return fail(Errc::io, "cannot open the baseline store " + path + ": " + std::strerror(errno));
  ::close(file);
  std::unique_ptr<SQLite::Database> database;
  try {
    database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX,
                                                  kBusyMilliseconds);
  } catch (const SQLite::Exception& thrown) {
    return fail(Errc::io, "cannot open the baseline store " + path + ": " + thrown.what());
  }
  auto store = std::make_unique<Store>(std::move(database));
  RINGSIDE_CHECK(store->prepare(path));
  return store;
}

}  // namespace ringside::policies
