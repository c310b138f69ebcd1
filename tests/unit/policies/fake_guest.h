// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/snapshot.h"
#include "guest/x86/cpu_state.h"
#include "policies/engine/database.h"
#include "tests/unit/support/fake_memory.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace ringside::policies::testing {

namespace x86 = guest::x86;

/// A healthy guest laid out as Linux does it: page tables, IDT, GDT and TSS in fake memory, registers to
/// match. Tests tamper with it and look again.
class FakeGuest {
 public:
  explicit FakeGuest(unsigned vcpus = 1, x86::PagingMode mode = x86::PagingMode::four_level);

  std::unique_ptr<guest::Snapshot> snapshot();
  ringside::testing::FakeMemory memory{64u << 20};
  std::vector<x86::CpuState> cpus;
  guest::GuestInfo info;

  /// Rights of a mapping: bits of a page-table entry (SDM vol. 3A, table 4-20).
  static constexpr std::uint64_t kWritable = 2, kUser = 4, kNoExecute = std::uint64_t{1} << 63;
  /// Maps the 4-KiB page at `gva` below `root`.
  void map(std::uint64_t root, std::uint64_t gva, std::uint64_t gpa, std::uint64_t rights);
  /// A new root that shares the kernel half, as a new process has.
  std::uint64_t new_root();

  void set_gate(unsigned vector, std::uint64_t handler, unsigned dpl = 0, unsigned type = 14);
  void set_descriptor(unsigned vcpu, unsigned entry, std::uint64_t value);
  /// The kernel is loaded `slide` bytes further on, as after a boot with KASLR.
  void move_kernel(std::uint64_t slide);
  /// As a vCPU is after INIT: real mode, halted.
  void unstart(unsigned vcpu);

  std::uint64_t root() const { return root_; }
  std::uint64_t text() const { return text_; }  ///< GVA of the kernel text
  bool long_mode() const { return mode_ == x86::PagingMode::four_level; }
  static constexpr std::uint64_t kIdtGpa = 0x100000;
  static std::uint64_t gdt_gpa(unsigned vcpu) { return 0x200000 + vcpu * 0x2000; }

 private:
  std::uint64_t new_page();
  void fill_idt();
  void add_cpu(unsigned vcpu);

  x86::PagingMode mode_;
  std::uint64_t next_page_ = 0x1000, root_ = 0, text_ = 0;
};

/// The answer to `sql` over a snapshot; fails the test on an error.
QueryResult ask(guest::Snapshot& snapshot, std::string_view sql);
/// The first cell of the answer as a number.
std::int64_t ask_number(guest::Snapshot& snapshot, std::string_view sql);

}  // namespace ringside::policies::testing
