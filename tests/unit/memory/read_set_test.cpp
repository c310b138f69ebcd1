// SPDX-License-Identifier: Apache-2.0
#include "guest/read_set.h"

#include "tests/unit/support/fake_memory.h"

#include <gtest/gtest.h>

#include <random>

namespace ringside::guest {
namespace {

using testing::FakeMemory;
using x86::CpuState;

/// Notes what `memory` holds at [gpa, gpa + size).
void note(ReadSet& set, FakeMemory& memory, std::uint64_t gpa, std::size_t size) {
  Bytes bytes(size);
  ASSERT_TRUE(memory.read(Gpa{gpa}, bytes));
  set.note(Gpa{gpa}, bytes);
}

TEST(ReadSet, OnlyTheNotedBytesMatter) {
  FakeMemory memory(0x10000);
  ReadSet set;
  note(set, memory, 0x1010, 8);
  note(set, memory, 0x1020, 8);
  EXPECT_TRUE(set.unchanged_in(memory));
  memory.put(Gpa{0x1018}, std::uint64_t{1});  // between the two
  memory.put(Gpa{0x100f}, std::uint8_t{1});
  memory.put(Gpa{0x1028}, std::uint8_t{1});
  EXPECT_TRUE(set.unchanged_in(memory));
  memory.put(Gpa{0x1027}, std::uint8_t{1});
  EXPECT_FALSE(set.unchanged_in(memory));
  memory.put(Gpa{0x1027}, std::uint8_t{0});
  EXPECT_TRUE(set.unchanged_in(memory));
}

TEST(ReadSet, EveryNotedByteMattersWhateverTheOrderOfNotes) {
  std::mt19937 random(7);
  FakeMemory memory(0x8000);
  for (std::uint64_t i = 0; i < 0x8000; ++i) memory.put(Gpa{i}, static_cast<std::uint8_t>(random()));
  ReadSet set;
  std::vector<bool> noted(0x8000);
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t gpa = random() % 0x7f00, size = 1 + random() % 64;
    note(set, memory, gpa, size);
    std::fill_n(noted.begin() + static_cast<std::ptrdiff_t>(gpa), size, true);
  }
  EXPECT_EQ(set.bytes(), static_cast<std::size_t>(std::count(noted.begin(), noted.end(), true)));
  ASSERT_TRUE(set.unchanged_in(memory));
  for (int i = 0; i < 2000; ++i) {
    const Gpa gpa{random() % 0x8000};
    std::uint8_t old = 0;
    ASSERT_TRUE(memory.read(gpa, std::as_writable_bytes(std::span(&old, 1))));
    memory.put(gpa, static_cast<std::uint8_t>(old ^ 0x80));
    ASSERT_EQ(set.unchanged_in(memory), !noted[gpa.value]) << to_string(gpa);
    memory.put(gpa, old);
  }
}

TEST(ReadSet, AdjacentOverlappingAndRepeatedNotesBecomeOnePiece) {
  FakeMemory memory(0x10000);
  ReadSet set;
  note(set, memory, 0x1008, 8);
  note(set, memory, 0x1000, 8);
  note(set, memory, 0x1004, 8);
  note(set, memory, 0x1004, 8);
  note(set, memory, 0x1010, 0x2000);
  EXPECT_EQ(set.pieces(), 1u);
  EXPECT_EQ(set.bytes(), 0x2010u);
}

TEST(ReadSet, ComparingIsOneScatterCallWithOneRequestAPage) {
  FakeMemory memory(0x10000);
  ReadSet set;
  for (std::uint64_t page = 0; page < 4; ++page)
    for (std::uint64_t entry = 0; entry < 512; entry += 2) note(set, memory, page * kPageSize + entry * 8, 8);
  memory.reset_counters();
  EXPECT_TRUE(set.unchanged_in(memory));
  EXPECT_EQ(memory.calls(), 1u);
  EXPECT_EQ(memory.pieces(), 4u);
  EXPECT_EQ(set.pieces(), 4u * 256);
}

TEST(ReadSet, NotesThatContradictEachOtherAreNeverUnchanged) {
  FakeMemory memory(0x10000);
  ReadSet set;
  note(set, memory, 0x1000, 8);
  memory.put(Gpa{0x1000}, std::uint8_t{1});
  note(set, memory, 0x1000, 8);
  EXPECT_FALSE(set.unchanged_in(memory));
}

TEST(ReadSet, AFailedReadThenOrNowIsNeverUnchanged) {
  FakeMemory memory(0x10000);
  ReadSet set;
  note(set, memory, 0x1000, 8);
  memory.fail_page(Gpa{0x1000}, {Errc::gone, "gone"});
  EXPECT_FALSE(set.unchanged_in(memory));
  memory.heal();
  EXPECT_TRUE(set.unchanged_in(memory));
  set.note_unreadable(Gpa{0x5000});
  EXPECT_FALSE(set.unchanged_in(memory));
}

TEST(ReadSet, AnEmptySetIsUnchanged) {
  FakeMemory memory(0x1000);
  ReadSet set;
  EXPECT_TRUE(set.unchanged_in(memory));
  EXPECT_TRUE(set.registers_equal({}, {}));
}

TEST(ReadSet, ACopyComparesOnItsOwn) {
  FakeMemory memory(0x10000);
  auto set = std::make_unique<ReadSet>();
  note(*set, memory, 0x1000, 64);
  ASSERT_TRUE(set->unchanged_in(memory));
  ReadSet copy = *set;
  set.reset();
  EXPECT_TRUE(copy.unchanged_in(memory));
  memory.put(Gpa{0x1000}, std::uint8_t{1});
  EXPECT_FALSE(copy.unchanged_in(memory));
}

TEST(ReadSet, ARegisterMattersOnlyInItsGroup) {
  struct Case {
    RegisterGroups group;
    void (*change)(CpuState&);
  };
  const std::vector<Case> cases = {
      {RegisterGroups::general, [](CpuState& c) { c.gpr[x86::r9] = 1; }},
      {RegisterGroups::general, [](CpuState& c) { c.fs.base = 1; }},
      {RegisterGroups::general, [](CpuState& c) { c.cr2 = 1; }},
      {RegisterGroups::control, [](CpuState& c) { c.cr4 ^= x86::cr4::kSmep; }},
      {RegisterGroups::control, [](CpuState& c) { c.cr0 ^= x86::cr0::kWp; }},
      {RegisterGroups::control, [](CpuState& c) { c.efer ^= x86::efer::kNxe; }},
      {RegisterGroups::tables, [](CpuState& c) { c.idt.base = Gva{1}; }},
      {RegisterGroups::tables, [](CpuState& c) { c.tr.base = 1; }},
      {RegisterGroups::msrs, [](CpuState& c) { c.msrs->lstar = 1; }},
      {RegisterGroups::root, [](CpuState& c) { c.cr3 = 1; }},
      {RegisterGroups::swapped, [](CpuState& c) { c.msrs->kernel_gs_base = 1; }},
  };
  const std::vector<RegisterGroups> groups = {RegisterGroups::general, RegisterGroups::control,
                                              RegisterGroups::tables,  RegisterGroups::msrs,
                                              RegisterGroups::root,    RegisterGroups::swapped};
  std::vector<CpuState> before(2);
  for (unsigned i = 0; i < 2; ++i) {
    before[i].index = i;
    before[i].msrs.emplace();
  }
  for (std::size_t k = 0; k < cases.size(); ++k) {
    std::vector<CpuState> now = before;
    cases[k].change(now[1]);
    for (const RegisterGroups group : groups) {
      ReadSet set;
      set.note(group);
      EXPECT_TRUE(set.registers_equal(before, before));
      EXPECT_EQ(set.registers_equal(before, now), group != cases[k].group) << "case " << k;
    }
  }
}

TEST(ReadSet, DebugRegistersHaveAGroupOfTheirOwn) {
  const std::vector<CpuState> before(1);
  std::vector<CpuState> now = before;
  now[0].dr[7] = 1;
  ReadSet set;
  set.note(RegisterGroups::control | RegisterGroups::tables);
  EXPECT_TRUE(set.registers_equal(before, now));
  set.note(RegisterGroups::debug);
  EXPECT_FALSE(set.registers_equal(before, now));
}

TEST(ReadSet, ATlbFlushByPgeIsNoChange) {
  const std::vector<CpuState> before(1);
  std::vector<CpuState> now = before;
  now[0].cr4 |= x86::cr4::kPge;
  ReadSet set;
  set.note(RegisterGroups::control);
  EXPECT_TRUE(set.registers_equal(before, now));
}

TEST(ReadSet, MsrsThatBecomeUnknownOrAVcpuMoreAreAChange) {
  std::vector<CpuState> before(1);
  before[0].msrs.emplace();
  std::vector<CpuState> unknown(1), two = before;
  unknown[0].msrs_unknown = "not calibrated";
  two.push_back(before[0]);
  for (const RegisterGroups group : {RegisterGroups::msrs, RegisterGroups::swapped}) {
    ReadSet set;
    set.note(group);
    EXPECT_FALSE(set.registers_equal(before, unknown));
    EXPECT_FALSE(set.registers_equal(unknown, before));
    EXPECT_TRUE(set.registers_equal(unknown, unknown));
    EXPECT_FALSE(set.registers_equal(before, two));
  }
  ReadSet other;
  other.note(RegisterGroups::control);
  EXPECT_TRUE(other.registers_equal(before, unknown));
}

}  // namespace
}  // namespace ringside::guest
