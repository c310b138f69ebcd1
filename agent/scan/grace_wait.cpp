// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/grace_wait.h"

#include <algorithm>

namespace ringside::agent {

namespace {
constexpr std::uint64_t kPeriods = 2;
}

GraceClock grace_clock(guest::Snapshot& snapshot, guest::memory::PhysicalMemory& memory) {
  using Now = std::optional<guest::linux::GracePeriods>;
  return [&snapshot, &memory, read = std::optional<Now>()]() mutable {
    if (!read) {
      const auto kernel = guest::linux::Kernel::of(snapshot);
      read = kernel ? guest::linux::grace_periods(**kernel, memory) : Now();
    }
    return *read;
  };
}

void GraceWait::Counter::look(const guest::linux::GraceCounter& now, bool first_one) {
  if (first_one) first = now.sequence;
  if (!now.at_rest())
    rests = 0;
  else
    rests = first_one || now.sequence == last ? rests + 1 : 1;
  last = now.sequence;
}

bool GraceWait::Counter::over(unsigned rests_wanted) const {
  return rests >= rests_wanted || guest::linux::whole_grace_periods(first, last) >= kPeriods;
}

void GraceWait::look(const std::optional<guest::linux::GracePeriods>& now) {
  known_ = now.has_value();
  if (!now) return;
  normal_.look(now->normal, !begun_);
  expedited_.look(now->expedited, !begun_);
  begun_ = true;
}

bool GraceWait::over(unsigned looks) const {
  if (!known_) return true;
  const unsigned rests = std::clamp(looks - 1, 1u, kRests);
  return normal_.over(rests) && expedited_.over(rests);
}

}  // namespace ringside::agent
