// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config/config.h"
#include "agent/daemon/actions.h"
#include "agent/daemon/guest_names.h"
#include "agent/daemon/ledger.h"
#include "agent/daemon/metrics.h"
#include "guest/live/live_guest.h"
#include "policies/engine/policy.h"
#include "policies/exceptions/exception_set.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// What all sessions work with. Thread-safe parts only; all must outlive the sessions.
struct SessionTools {
  io::EventLoop& loop;
  std::string state_directory;
  /// What is known of kernels, once for all guests.
  std::shared_ptr<guest::live::KernelStore> kernels;
  std::shared_ptr<guest::live::GoldenFiles> golden;
  Ledger& ledger;
  FindingStore& findings;
  EvidenceStore& evidence;
  CircuitBreaker& breaker;
  Metrics& metrics;
  GuestNames& names;
  /// Told which UUID the guest of a candidate has, and which process runs it where that is known.
  std::function<void(const std::string& id, const std::string& uuid, std::optional<pid_t> process)> learned;
};

/// The rules that are in force: replaced as a whole.
struct Rules {
  std::vector<policies::Policy> policies;
  policies::ExceptionSet exceptions;
  Config config;
};

}  // namespace ringside::agent
