// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/entry_gate.h"

#include "tests/unit/support/fake_memory.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

x86::CpuState long_mode_cpu(std::uint64_t cr3) {
  x86::CpuState cpu;
  cpu.cr0 = x86::cr0::kPe | x86::cr0::kPg;
  cpu.cr3 = cr3;
  cpu.cr4 = x86::cr4::kPae;
  cpu.efer = x86::efer::kLme | x86::efer::kLma | x86::efer::kNxe;
  cpu.idt = {Gva{0xfffffe0000000000}, 0xfff};
  return cpu;
}

/// A guest in which vector v enters at `entry(v)`, with `image` bytes mapped from 0xffffffff81000000 to 16
/// MiB on.
class FakeGuest {
 public:
  static constexpr std::uint64_t kText = 0xffffffff81000000, kTextGpa = 0x1000000, kRoot = 0x4000,
                                 kIdt = 0x9000;

  explicit FakeGuest(std::uint64_t image) {
    // PML4[511] -> PDPT[510] -> PD[8...]: 2-MiB pages. PML4[508] -> the IDT's page.
    memory.put(Gpa{kRoot + 511 * 8}, std::uint64_t{0x5003});
    memory.put(Gpa{0x5000 + 510 * 8}, std::uint64_t{0x6003});
    for (std::uint64_t at = 0; at < image; at += 2u << 20)
      memory.put(Gpa{0x6000 + (8 + (at >> 21)) * 8}, (kTextGpa + at) | 0x83);
    memory.put(Gpa{kRoot + 508 * 8}, std::uint64_t{0x7003});
    memory.put(Gpa{0x7000}, std::uint64_t{0x8003});
    memory.put(Gpa{0x8000}, std::uint64_t{0xa003});
    memory.put(Gpa{0xa000}, kIdt | 3);
  }
  void gate(unsigned vector, std::uint64_t handler) {
    const std::uint64_t low =
        (handler & 0xffff) | 0x10'0000u | (std::uint64_t{0x8e00} << 32) | ((handler >> 16 & 0xffff) << 48);
    memory.put(Gpa{kIdt + vector * 16}, low);
    memory.put(Gpa{kIdt + vector * 16 + 8}, handler >> 32);
  }
  Result<EntryGate> look(std::vector<x86::CpuState> cpus) {
    snapshot = std::make_unique<Snapshot>(GuestInfo{}, std::move(cpus), memory);
    return find_entry_gate(*snapshot);
  }

  testing::FakeMemory memory{std::uint64_t{64} << 20};
  std::unique_ptr<Snapshot> snapshot;
};

TEST(EntryGate, LeadsToTheKernelImage) {
  FakeGuest guest(16u << 20);
  for (unsigned v = 0; v < 32; ++v) guest.gate(v, FakeGuest::kText + 0x1000 + v * 0x40);
  const auto gate = guest.look({long_mode_cpu(FakeGuest::kRoot)});
  ASSERT_TRUE(gate.has_value()) << gate.error().message;
  EXPECT_TRUE(gate->whole);
  EXPECT_FALSE(gate->early);
  EXPECT_FALSE(gate->isolated);
  EXPECT_EQ(gate->page_fault.value, FakeGuest::kText + 0x1000 + 14 * 0x40);
  EXPECT_EQ(gate->delta(), FakeGuest::kText - FakeGuest::kTextGpa);
  EXPECT_EQ(gate->handlers.size(), 32u);
}

TEST(EntryGate, PrefersTheKernelsRootOfAnIsolatedPair) {
  FakeGuest guest(16u << 20);
  guest.gate(14, FakeGuest::kText + 0x1000);
  // The user's root, 4 KiB above: its own tables map the entry page alone.
  guest.memory.put(Gpa{FakeGuest::kRoot + 0x1000 + 508 * 8}, std::uint64_t{0x7003});
  const auto gate = guest.look({long_mode_cpu(FakeGuest::kRoot | 0x1000)});
  ASSERT_TRUE(gate.has_value()) << gate.error().message;
  EXPECT_TRUE(gate->isolated);
  EXPECT_TRUE(gate->whole);
  EXPECT_EQ(gate->root.table.value, FakeGuest::kRoot);
}

TEST(EntryGate, KnowsEarlyBootByTheEvenStepsOfItsHandlers) {
  FakeGuest guest(16u << 20);
  for (unsigned v = 0; v < 32; ++v) guest.gate(v, FakeGuest::kText + 0x1000 + v * 9);
  const auto gate = guest.look({long_mode_cpu(FakeGuest::kRoot)});
  ASSERT_TRUE(gate.has_value());
  EXPECT_TRUE(gate->early);
  EXPECT_EQ(gate->handlers, std::vector<std::uint64_t>{FakeGuest::kText + 0x1000});
}

TEST(EntryGate, TellsWhatTheGuestIsInBeforeItsKernel) {
  FakeGuest guest(16u << 20);
  x86::CpuState reset;
  const auto real_mode = guest.look({reset});
  ASSERT_FALSE(real_mode.has_value());
  EXPECT_EQ(real_mode.error().code, Errc::unavailable);
  EXPECT_NE(real_mode.error().message.find("real mode"), std::string::npos);

  x86::CpuState loader;
  loader.cr0 = x86::cr0::kPe;
  const auto unpaged = guest.look({loader});
  ASSERT_FALSE(unpaged.has_value());
  EXPECT_NE(unpaged.error().message.find("paging off"), std::string::npos);

  const auto no_gate = guest.look({long_mode_cpu(FakeGuest::kRoot)});
  ASSERT_FALSE(no_gate.has_value());
  EXPECT_NE(no_gate.error().message.find("no gate for page faults"), std::string::npos);

  guest.gate(14, 0x7ff000);
  const auto firmware = guest.look({long_mode_cpu(FakeGuest::kRoot)});
  ASSERT_FALSE(firmware.has_value());
  EXPECT_NE(firmware.error().message.find("firmware"), std::string::npos) << firmware.error().message;
}

TEST(EntryGate, PassesOverVcpusThatAreNotStarted) {
  FakeGuest guest(16u << 20);
  guest.gate(14, FakeGuest::kText + 0x1000);
  x86::CpuState waiting;
  waiting.halted = true;
  auto running = long_mode_cpu(FakeGuest::kRoot);
  running.index = 1;
  const auto gate = guest.look({waiting, running});
  ASSERT_TRUE(gate.has_value());
  EXPECT_EQ(gate->vcpu, 1u);
}

TEST(EntryGate, AnIdtThatLeadsNowhereIsAnError) {
  FakeGuest guest(16u << 20);
  auto cpu = long_mode_cpu(FakeGuest::kRoot);
  cpu.idt.base = Gva{0xffffffffff000000};
  EXPECT_FALSE(guest.look({cpu}).has_value());
  cpu.idt.base = Gva{0x8000000000000000};
  EXPECT_FALSE(guest.look({cpu}).has_value());
  cpu.cr3 = 0xffffffffff000;
  EXPECT_FALSE(guest.look({cpu}).has_value());
}

}  // namespace
}  // namespace ringside::guest::linux
