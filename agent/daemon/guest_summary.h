// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/guest_facts.h"
#include "agent/findings.h"
#include "agent/scan/report.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace ringside::agent {

enum class GuestState {
  attaching,
  retry,    ///< could not be attached to; tried again later
  booting,  ///< attached; its kernel has not set itself up
  watched,
  stopped,  ///< watched, but it does not run (paused, suspended, migrated away, ...)
  gone,     ///< its source knows it no more
};
std::string_view to_string(GuestState state);

/// What counts of a session.
struct GuestSummary {
  GuestState state = GuestState::attaching;
  GuestFacts facts;
  Tally checks;
  std::size_t findings = 0;
  std::uint64_t ticks = 0, missed = 0;
  std::chrono::microseconds tick{0};  ///< how long the last look took
  std::string backend, kernel, build_id;
  bool paused_by_agent = false;           ///< for a finding, and it stands still since
  std::map<std::string, Moment> scanned;  ///< by policy: when none of its checks was unknown last
};

}  // namespace ringside::agent
