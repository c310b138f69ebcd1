// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/io/endpoint.h"

namespace ringside::io {
class EventLoop;
}

namespace ringside::guest::live {

/// The promise, on disk, to give a guest its run state back. One file a window in `directory`, synced before the
/// guest is stopped and removed after it runs again, so that a killed process leaves it behind.
class FreezeJournal {
 public:
  struct Entry {
    io::Endpoint monitor;
    bool was_running = false;
    pid_t owner = 0;                     ///< the process that froze it, with its start time against pid reuse
    unsigned long long owner_start = 0;  ///< field 22 of /proc/PID/stat
    pid_t qemu = 0;                      ///< 0 where unknown (TCP)
    unsigned long long qemu_start = 0;
    std::string gdb_socket;              ///< empty until a gdbstub is started
  };

  explicit FreezeJournal(std::string directory);  ///< made on first use, mode 0700
  /// Returns the file's path.
  Result<std::string> write(const Entry& entry);
  Result<void> rewrite(const std::string& file, const Entry& entry);
  void remove(const std::string& file);

  /// What was replayed: a line for the log each.
  struct Replayed {
    Entry entry;
    Result<void> outcome;
  };
  /// Gives back every guest whose window's owner is dead: stops the left-over gdbstub, `cont` if it had run and is
  /// `paused` now. Entries of living owners are left alone; those of an ended QEMU are dropped.
  std::vector<Replayed> replay(io::EventLoop& loop);

 private:
  std::string directory_;
};

}  // namespace ringside::guest::live
