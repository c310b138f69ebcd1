// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/live/live_guest.h"
#include "guest/snapshot.h"
#include "policies/engine/baseline.h"

#include <string>
#include <vector>

namespace ringside::agent {

/// One IDT gate or GDT entry that differs from the baseline and can be put back.
struct RestoreStep {
  std::string table;  ///< "idt" or "gdt"
  std::int64_t vcpu = 0, entry = 0;
  guest::Gva gva;
  guest::Gpa gpa;
  Bytes current, baseline;  ///< of equal length
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
  bool operator==(const EntryRow&) const = default;
};

/// Adds to `plan` what puts `now` back to `before`. Pure. Differences that mean nothing are left alone: bits
/// that the CPU sets by itself, and GDT entries of the running task.
void plan_table(RestorePlan& plan, const std::string& table, const std::vector<EntryRow>& before,
                const std::vector<EntryRow>& now);

/// Compares the IDT and GDT of `snapshot` with `baseline`. `mismatch` if the guest has booted since.
Result<RestorePlan> plan_restore(const policies::Baseline& baseline, guest::Snapshot& snapshot);

}  // namespace ringside::agent
