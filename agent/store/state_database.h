// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace SQLite {
class Database;
}

namespace ringside::agent {

/// The daemon's SQLite file (findings, journal, outbox): opened once, migrated, used by one thread at a time.
/// Write-ahead log, synchronous=FULL: what was committed survives a kill and a power cut.
class StateDatabase {
 public:
  /// Makes the file, mode 0600, where there is none. `mismatch`: a newer ringside made it; `malformed`: it is
  /// no database (the message says what to do); `io`, `permission`.
  static Result<std::unique_ptr<StateDatabase>> open(const std::string& path);
  ~StateDatabase();
  StateDatabase(const StateDatabase&) = delete;
  StateDatabase& operator=(const StateDatabase&) = delete;

  /// Runs `work` in one transaction, alone: all of it is kept or nothing. Inside another transaction of the
  /// same thread it joins that one. SQLite's errors, thrown inside, come back as `io` (disk full says so).
  Result<void> transaction(const std::function<Result<void>(SQLite::Database&)>& work);

 private:
  explicit StateDatabase(std::unique_ptr<SQLite::Database> database);
  std::unique_ptr<SQLite::Database> database_;
  std::recursive_mutex mutex_;
  unsigned depth_ = 0;
};

}  // namespace ringside::agent
