// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/msr_calibration.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::live {

/// What was learned about QEMU, kept on disk: the layout for each build of it, and where each running process
/// has its vCPUs, so that a short-lived command need not search. Only a cache: what is read through it is
/// checked again, and a file that makes no sense, or cannot be written, counts as none.
class CalibrationStore {
 public:
  explicit CalibrationStore(const std::string& state_directory);

  std::optional<MsrLayout> layout(const std::string& build_id) const;
  void keep_layout(const std::string& build_id, const MsrLayout& layout);

  /// Addresses of the vCPUs' views in this very process.
  std::vector<std::uint64_t> addresses(pid_t pid, unsigned long long start) const;
  /// Also drops what was kept of processes that have ended.
  void keep_addresses(pid_t pid, unsigned long long start, const std::vector<std::uint64_t>& addresses);

 private:
  std::string directory_;
};

}  // namespace ringside::guest::live
