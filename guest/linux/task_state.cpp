// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/task_state.h"

#include <bit>
#include <string_view>
#include <utility>

namespace ringside::guest::linux {

namespace {

// include/linux/sched.h; the same numbers from 4.14 on.
constexpr std::uint32_t kUninterruptible = 0x2;
constexpr std::uint32_t kReport = 0x7f;  // TASK_REPORT: running ... parked, EXIT_DEAD, EXIT_ZOMBIE
constexpr std::uint32_t kReportIdle = kReport + 1;
constexpr std::uint32_t kIdle = 0x402;         // TASK_IDLE: uninterruptible, not part of the load
constexpr std::uint32_t kRtLockWait = 0x1000;  // TASK_RTLOCK_WAIT, from 5.15
constexpr std::uint32_t kFrozen = 0x8000;      // TASK_FROZEN, from 6.1

}  // namespace

char task_state_letter(std::uint32_t state, std::uint32_t exit_state, unsigned major, unsigned minor) {
  const std::pair release{major, minor};
  // From 6.1 on other bits may stand beside these (TASK_FREEZABLE): commits 0d6b35283bcf and cff5f49d433f,
  // which the stable series of 6.1 took over.
  const bool flags_beside = release >= std::pair{6u, 1u};
  std::uint32_t shown = (state | exit_state) & kReport;
  if (flags_beside ? (state & kIdle) == kIdle : state == kIdle) shown = kReportIdle;
  const bool rt_lock = flags_beside ? (state & kRtLockWait) != 0 : state == kRtLockWait;
  if (rt_lock || (flags_beside && (state & kFrozen) != 0)) shown = kUninterruptible;
  constexpr std::string_view kLetters = "RSDTtXZPI";
  return kLetters[static_cast<std::size_t>(std::bit_width(shown))];
}

}  // namespace ringside::guest::linux
