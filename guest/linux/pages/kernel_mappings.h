// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/x86/page_leaves.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace ringside::guest::linux {

/// What the kernel's own page tables (own_page_tables()) map of the kernel half, in order of address. One
/// walk serves all checks on it.
class KernelMappings {
 public:
  /// The walk of `kernel`, made at the first call; see Kernel::memo(). Errors as PageTables::enumerate().
  static const Result<KernelMappings>& of(Kernel& kernel);

  x86::PagingMode mode() const { return root_.mode; }
  /// The page tables that were walked.
  x86::PageTables tables(Snapshot& snapshot) const { return {snapshot, root_}; }
  const std::vector<x86::LeafRun>& runs() const { return runs_; }
  /// Tables that could not be read: what they map is not known.
  const std::optional<Error>& problem() const { return problem_; }
  /// False where no entry can forbid execution: then all that is mapped is executable and says nothing.
  bool can_forbid_execution() const { return nx_; }

  /// The run that maps `gva`; nullptr: not mapped.
  const x86::LeafRun* find(Gva gva) const;
  /// Where `gva` stands in guest-physical memory.
  std::optional<Gpa> translate(Gva gva) const;
  /// Calls `visit` with each piece of [first, first + size) that is mapped, cut to it, in order.
  void each_within(Gva first, std::uint64_t size,
                   const std::function<void(const x86::LeafRun&)>& visit) const;

  /// Reads what is mapped at `gva`. `not_mapped` where it is not, or as Snapshot::read().
  Result<void> read(Snapshot& snapshot, Gva gva, std::span<std::byte> into) const;

  /// Most runs that are kept: 64 GiB in pages of 4 KiB, no two alike.
  static constexpr std::uint64_t kMaxRuns = 1u << 20;

 private:
  explicit KernelMappings(const x86::PagingRoot& root) : root_(root) {}
  static Result<KernelMappings> walk(Kernel& kernel);

  x86::PagingRoot root_;
  std::vector<x86::LeafRun> runs_;
  std::optional<Error> problem_;
  bool nx_ = true;
};

}  // namespace ringside::guest::linux
