// SPDX-License-Identifier: Apache-2.0
#include "agent/store/state_database.h"

#include "agent/store/state_schema.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Savepoint.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace ringside::agent {

namespace {

constexpr std::int64_t kApplicationId = 0x52534147;  // "RSAG" (sqlite.org/fileformat.html, section 1.3.10)
constexpr int kBusyMilliseconds = 5000;
// The write-ahead log is cut back to this after a checkpoint, so that one large transaction does not keep the
// disk.
constexpr const char* kSettings =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = "
    "OFF;"
    "PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 16777216";

Error damaged(const std::string& path, const std::string& how) {
  return {Errc::malformed, fmt::format("state database {}: {}", path, how),
          fmt::format(
              "stop the agent and move it away (mv {0} {0}.damaged, with its -wal); the agent then starts a "
              "new one without the findings of the old",
              path)};
}

Error to_error(const std::string& path, const SQLite::Exception& thrown) {
  const std::string what = thrown.what();
  const auto with = [&](Errc code, std::string hint) {
    return Error{code, fmt::format("state database {}: {}", path, what), std::move(hint)};
  };
  switch (thrown.getErrorCode() & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return damaged(path, what);
    case SQLITE_FULL:
      return {Errc::io, fmt::format("state database {}: the disk is full; nothing of it was kept", path),
              "make room; the next write works again by itself"};
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return with(Errc::permission, "run it as the user that the agent runs as");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return with(Errc::io, "another process holds it: end it, or try again");
    default:
      return with(Errc::io, "");
  }
}

std::int64_t number(SQLite::Database& database, const char* query) {
  return database.execAndGet(query).getInt64();
}

}  // namespace

StateDatabase::StateDatabase(std::string path, std::unique_ptr<SQLite::Database> database)
    : path_(std::move(path)), database_(std::move(database)) {}

StateDatabase::~StateDatabase() = default;

Result<std::unique_ptr<StateDatabase>> StateDatabase::open(const std::string& path) {
  // What a guest's kernel looks like is nobody else's business: the file has its mode before SQLite opens it,
  // and SQLite gives the same to the files that it makes beside.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0)
    return fail(errno == EACCES || errno == EPERM || errno == EROFS ? Errc::permission : Errc::io,
                fmt::format("state database {}: {}", path, std::strerror(errno)));
  ::close(file);
  std::unique_ptr<SQLite::Database> opened;
  try {
    // One thread at a time is this class's own business.
    opened = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX,
                                                kBusyMilliseconds);
  } catch (const SQLite::Exception& thrown) {
    return fail(to_error(path, thrown));
  }
  std::unique_ptr<StateDatabase> state(new StateDatabase(path, std::move(opened)));
  RINGSIDE_CHECK(state->prepare());
  return state;
}

Result<void> StateDatabase::prepare() {
  RINGSIDE_CHECK(guarded([&]() -> Result<void> {
    sqlite3_db_config(database_->getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    database_->exec(kSettings);
    // Damage is to show at the start, not in the middle of the night when the damaged page is needed.
    SQLite::Statement check(*database_, "PRAGMA quick_check(1)");
    check.executeStep();
    const std::string answer = check.getColumn(0).getString();
    if (answer != "ok") return fail(damaged(path_, "it is damaged: " + answer));
    return {};
  }));
  return transaction([&](SQLite::Database& database) -> Result<void> {
    const auto migrations = state_migrations();
    const auto version = number(database, "PRAGMA user_version");
    const auto application = number(database, "PRAGMA application_id");
    if (application != kApplicationId &&
        (application != 0 || version != 0 || number(database, "SELECT count(*) FROM sqlite_schema") != 0))
      return fail(damaged(path_, "it is the database of another program"));
    if (version > std::ssize(migrations))
      return fail(Errc::mismatch,
                  fmt::format("state database {}: a newer ringside made it (version {}, this one knows {})",
                              path_, version, migrations.size()),
                  "use that ringside, or set RINGSIDE_STATE_DIR to another directory");
    if (version < 0) return fail(damaged(path_, fmt::format("version {}", version)));
    if (version == std::ssize(migrations)) return {};
    for (const char* migration : migrations.subspan(static_cast<std::size_t>(version)))
      database.exec(migration);
    database.exec(fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {}", migrations.size(),
                              kApplicationId));
    return {};
  });
}

Result<void> StateDatabase::guarded(const std::function<Result<void>()>& work) {
  try {
    return work();
  } catch (const SQLite::Exception& thrown) {
    return fail(to_error(path_, thrown));
  }
}

Result<void> StateDatabase::transaction(const Work& work) {
  return run(true, work);
}

Result<void> StateDatabase::reading(const Work& work) {
  return run(false, work);
}

Result<void> StateDatabase::run(bool writes, const Work& work) {
  const std::lock_guard lock(mutex_);
  struct Depth {
    unsigned& value;
    explicit Depth(unsigned& depth) : value(depth) { ++value; }
    ~Depth() { --value; }
  } depth(depth_);
  return guarded([&]() -> Result<void> {
    if (depth_ > 1) {
      // A full disk makes SQLite undo the whole transaction by itself; what came after would be kept piece by
      // piece.
      if (sqlite3_get_autocommit(database_->getHandle()) != 0)
        return fail(Errc::io,
                    fmt::format("state database {}: the transaction was undone before its end", path_));
      SQLite::Savepoint part(*database_, fmt::format("part_{}", depth_));
      RINGSIDE_CHECK(work(*database_));
      part.release();
      return {};
    }
    SQLite::Transaction all(
        *database_, writes ? SQLite::TransactionBehavior::IMMEDIATE : SQLite::TransactionBehavior::DEFERRED);
    RINGSIDE_CHECK(work(*database_));
    all.commit();
    return {};
  });
}

}  // namespace ringside::agent
