// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outcome.h"
#include "agent/output/json.h"
#include "agent/output/style.h"
#include "agent/session.h"
#include "guest/linux/kernel.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// What `ringside inspect` says of a guest.
struct Inspection {
  guest::GuestInfo info;
  bool live = false;
  std::vector<std::string> backend_notes;
  std::vector<guest::memory::MemoryRange> ranges;
  std::vector<guest::x86::CpuState> cpus;
  std::string msrs_from;      ///< how the MSRs were read, in words
  bool msrs_missing = false;  ///< they were wanted and could not be read
  std::optional<guest::linux::KernelIdentity> kernel;
  std::string no_kernel;                      ///< why there is no `kernel`
  std::vector<std::string> kernel_explained;  ///< how it was found
  Result<std::string> command_line;           ///< what the kernel was booted with
  std::chrono::microseconds kernel_found_in{0};
};

Attempt<Inspection> look_at(Session& session, guest::live::MsrSource msrs);

std::string render(const Inspection& inspection, const Style& style, bool explain);
Json to_json(const Inspection& inspection);

/// A protection and whether it is on.
struct Protection {
  std::string_view name;
  bool on;
};
/// WP, SMEP, SMAP, UMIP, NXE of one vCPU (SDM vol. 3A, section 2.5; EFER: vol. 4).
std::vector<Protection> protections(const guest::x86::CpuState& cpu);

}  // namespace ringside::agent
