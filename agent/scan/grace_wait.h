// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/grace_periods.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace ringside::agent {

/// How far the guest is with its grace periods, at the time of the call; see GraceWait.
using GraceClock = std::function<std::optional<guest::linux::GracePeriods>()>;

/// That of the guest of `snapshot`, read from `memory` at the first call: once a look, and after it, if it is
/// made for each look. Both must outlive it.
GraceClock grace_clock(guest::Snapshot& snapshot, guest::memory::PhysicalMemory& memory);

/// Whether a kernel had time of its own to be done with what it was taking off its lists when something was
/// first seen. Such memory goes after a grace period of RCU, and on a guest that gets no CPU one takes longer
/// than any window of our time. It had the time once two whole grace periods have passed, the second for what
/// is done after the first, or once nobody has waited for any at some looks in a row. Knows no clock.
class GraceWait {
 public:
  /// For how long a guest may put off by its grace periods what counts. A grace period that takes 21 s makes
  /// a kernel complain itself (CONFIG_RCU_CPU_STALL_TIMEOUT), and no more than three are to be sat out: the
  /// one in progress and two whole ones.
  static constexpr std::chrono::seconds kLongest{63};
  /// So many looks in a row at which nobody waited, and none has passed between them.
  static constexpr unsigned kRests = 3;

  /// What was read after a look, look by look, from the first one that showed it; nullopt: it is not known.
  void look(const std::optional<guest::linux::GracePeriods>& now);
  /// What was read after earlier looks is asked for: what the next one still shows has outlasted it. True as
  /// well where nothing was read, or nothing at the last look. `looks`: that are wanted at least, for windows
  /// with few.
  bool over(unsigned looks) const;

 private:
  /// One kind of grace periods. Those that the kernel does not tell of are not waited for.
  struct Counter {
    std::uint64_t first = 0, last = 0;
    unsigned rests = 0;
    bool begun = false, known = false;
    void look(const std::optional<guest::linux::GraceCounter>& now);
    bool over(unsigned rests_wanted) const;
  };
  Counter normal_, expedited_, tasks_, tasks_trace_;
  bool known_ = false;
};

}  // namespace ringside::agent
