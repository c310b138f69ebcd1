// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <chrono>

namespace ringside::guest::linux {

/// The guest's wall-clock time at which its boot-time clock was zero, as the kernel reckons it now: what
/// /proc/stat shows as `btime` (kernel/time/timekeeping.c getboottime64). Moves when the guest's clock is
/// set. `not_found` or `unavailable` where the timekeeper cannot be found, `mismatch` if what stands there is
/// none.
Result<std::chrono::sys_time<std::chrono::nanoseconds>> boot_time(Kernel& kernel);

/// For how long the kernel has run, without the time that it was suspended: CLOCK_MONOTONIC in whole seconds,
/// as of the last tick of any CPU (struct timekeeper, ktime_sec). Errors as of boot_time(); `unavailable` on
/// a kernel without type information, too.
Result<std::chrono::seconds> uptime(Kernel& kernel);

}  // namespace ringside::guest::linux
