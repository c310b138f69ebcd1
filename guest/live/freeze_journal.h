// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"
#include "guest/live/connectors.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::live {

/// The promise, on disk, to give a guest its run state back. One file a window in `directory`, synced before
/// the guest is stopped and removed after it runs again, so that a killed process leaves it behind.
class FreezeJournal {
 public:
  struct Entry {
    io::Endpoint monitor;
    bool was_running = false;
    pid_t owner = 0;  ///< the process that froze it, with its start time against pid reuse; 0: given up
    unsigned long long owner_start = 0;  ///< field 22 of /proc/PID/stat
    pid_t qemu = 0;                      ///< 0 where unknown (TCP)
    unsigned long long qemu_start = 0;
    std::string gdb_socket;  ///< empty until a gdbstub is started
    bool operator==(const Entry&) const = default;
  };

  explicit FreezeJournal(std::string directory);  ///< made on first use, mode 0700
  /// Writes and syncs a new entry; returns the file's path.
  Result<std::string> write(const Entry& entry);
  Result<void> rewrite(const std::string& file, const Entry& entry);
  void remove(const std::string& file);
  /// True if another live window, of this process or another, has the same QEMU in this journal.
  bool held_by_another(const std::string& file, const Entry& entry) const;

  /// What was replayed: a line for the log each.
  struct Replayed {
    Entry entry;
    Result<void> outcome;  ///< `gone`: that QEMU has ended; `malformed`: not an entry, put aside as *.corrupt
  };
  /// Gives back every guest whose window's owner is dead: stops the left-over gdbstub, `cont` if it had run
  /// and is `paused` now. Entries of living owners are left alone; those of an ended QEMU are dropped; those
  /// that fail are kept. With `only`, looks at the guest of that monitor alone.
  std::vector<Replayed> replay(io::EventLoop& loop, const std::optional<io::Endpoint>& only = {});
  std::vector<Replayed> replay(const Connectors& connectors, const std::optional<io::Endpoint>& only = {});

  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

}  // namespace ringside::guest::live
