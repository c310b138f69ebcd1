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

void GraceWait::Counter::look(const std::optional<guest::linux::GraceCounter>& now) {
  known = now.has_value();
  if (!now) return;
  if (!begun) first = now->sequence;
  if (!now->at_rest())
    rests = 0;
  else
    rests = !begun || now->sequence == last ? rests + 1 : 1;
  last = now->sequence;
  begun = true;
}

bool GraceWait::Counter::over(unsigned rests_wanted) const {
  return !known || rests >= rests_wanted || guest::linux::whole_grace_periods(first, last) >= kPeriods;
}

void GraceWait::look(const std::optional<guest::linux::GracePeriods>& now) {
  known_ = now.has_value();
  if (!now) return;
  normal_.look(now->normal);
  expedited_.look(now->expedited);
  tasks_.look(now->tasks);
  tasks_trace_.look(now->tasks_trace);
}

bool GraceWait::over(unsigned looks) const {
  if (!known_) return true;
  const unsigned rests = std::clamp(looks - 1, 1u, kRests);
  return normal_.over(rests) && expedited_.over(rests) && tasks_.over(rests) && tasks_trace_.over(rests);
}

}  // namespace ringside::agent
