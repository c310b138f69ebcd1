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
/// Write-ahead log, synchronous=FULL: what was committed survives a kill and a power cut. Another process (a
/// verb) may have it open at the same time.
class StateDatabase {
 public:
  using Work = std::function<Result<void>(SQLite::Database&)>;

  /// Makes the file, mode 0600, where there is none. `mismatch`: a newer ringside made it; `malformed`: it is
  /// no database of an agent or damaged (the hint says what to do); `io`, `permission`.
  static Result<std::unique_ptr<StateDatabase>> open(const std::string& path);
  ~StateDatabase();
  StateDatabase(const StateDatabase&) = delete;
  StateDatabase& operator=(const StateDatabase&) = delete;

  /// Runs `work` in one transaction, alone: all of it is kept or nothing. Inside another transaction of the
  /// same thread it joins that one; if it fails there, only its own part is undone, and the outer one
  /// decides. SQLite's errors, thrown inside, come back as `io` (disk full says so), damage as `malformed`.
  Result<void> transaction(const Work& work);
  /// The same for work that only reads: one consistent view, and no other process waits for it.
  Result<void> reading(const Work& work);

 private:
  StateDatabase(std::string path, std::unique_ptr<SQLite::Database> database);
  Result<void> prepare();
  Result<void> guarded(const std::function<Result<void>()>& work);
  Result<void> run(bool writes, const Work& work);

  std::string path_;
  std::unique_ptr<SQLite::Database> database_;
  std::recursive_mutex mutex_;
  unsigned depth_ = 0;
};

}  // namespace ringside::agent
