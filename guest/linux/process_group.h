// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"
#include "guest/linux/pid_reader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace ringside::guest::linux {

/// What the threads of a process share in their struct signal_struct (include/linux/sched/signal.h). nullopt:
/// this kernel's layout does not tell, or there is none.
struct ProcessGroup {
  std::optional<std::uint32_t> threads;
  std::optional<std::int32_t> pgrp, session;  ///< in the first pid namespace
  std::optional<std::string> tty;             ///< as under /dev: "pts/0", "ttyS0"
  std::optional<std::uint32_t> tty_device;    ///< as /proc/PID/stat shows it (new_encode_dev)
};

/// Reads them; what processes share is read once.
class ProcessGroupReader {
 public:
  explicit ProcessGroupReader(Kernel& kernel, PidReader& pids);

  const std::vector<Error>& missing() const { return signal_.missing(); }
  Result<ProcessGroup> read(Gva signal);

 private:
  struct Tty {
    std::string name;
    std::optional<std::uint32_t> device;
  };
  Result<Tty> tty(Gva address);

  PidReader& pids_;
  ObjectReader signal_, tty_, driver_;
  ObjectReader::Member threads_, pgrp_, session_, tty_pointer_;
  ObjectReader::Member name_, index_, driver_pointer_, major_, minor_start_;
  std::unordered_map<std::uint64_t, Tty> ttys_;
};

}  // namespace ringside::guest::linux
