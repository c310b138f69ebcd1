// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/live/live_guest.h"
#include "guest/snapshot.h"
#include "policies/engine/baseline.h"

#include <string>
#include <vector>

namespace ringside::agent {

/// Bytes of guest memory that can be put back.
struct RestoreStep {
  /// What it is one of: "idt", "gdt" or "syscalls" where the baseline says what is to stand there, else the
  /// check whose finding says so, "policy/check".
  std::string table;
  std::int64_t vcpu = 0, entry = 0;  ///< of a descriptor table; entry also the number of a system call
  guest::Gva gva;
  guest::Gpa gpa;
  Bytes current, baseline;  ///< what stands there and what is to, of equal length
  std::string abi{};        ///< of a system call
  std::string finding{};    ///< fingerprint; empty for what only the baseline speaks of

  /// "gate 14 of vCPU 0", "x64 call 62"; of a finding its address.
  std::string object() const;
};

struct RestorePlan {
  std::vector<RestoreStep> steps;         ///< one a place in guest memory, also where vCPUs share a table
  std::vector<std::string> not_possible;  ///< what differs and cannot be put back, and why
  std::vector<guest::live::LiveGuest::PhysicalWrite> writes() const;
};

/// Rows of one table as the baseline holds them or as they are now: what a plan is made of.
struct EntryRow {
  std::int64_t vcpu = 0, entry = 0;
  std::uint64_t gva = 0, gpa = 0;
  Bytes raw;
  std::string abi{};  ///< of a system call
  bool operator==(const EntryRow&) const = default;
};

/// Adds to `plan` what puts `now` back to `before`. Pure. Differences that mean nothing are left alone: bits
/// that the CPU sets by itself, and GDT entries of the running task.
void plan_table(RestorePlan& plan, const std::string& table, const std::vector<EntryRow>& before,
                const std::vector<EntryRow>& now);

/// Adds a step; where one for the same place stands already, they must agree.
void add_step(RestorePlan& plan, RestoreStep step);

/// Compares the IDT, the GDT and the system call tables of `snapshot` with `baseline`. `mismatch` if the
/// guest has booted since. A baseline without system calls (another version of ringside took it) restores
/// none.
Result<RestorePlan> plan_restore(const policies::Baseline& baseline, guest::Snapshot& snapshot);

/// A pointer as it stands in guest memory.
Bytes pointer_bytes(std::int64_t value, unsigned size);

}  // namespace ringside::agent
