// SPDX-License-Identifier: Apache-2.0
#include "guest/descriptor_tables.h"

#include "table_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest {
namespace {

using x86::CpuState;
using x86::DescriptorType;
using x86::kP;
using x86::PagingMode;
using x86::TableBuilder;

constexpr std::uint64_t kGate = 0x81e08e0000100b70, kGateUpper = 0xffffffff;
constexpr std::uint64_t kTssLow = 0x00008b0030004087, kTssHigh = 0xfffffe00;

class DescriptorTables : public ::testing::Test {
 protected:
  DescriptorTables() {
    cpu_.cr0 = x86::cr0::kPe | x86::cr0::kPg;
    cpu_.cr4 = x86::cr4::kPae;
    cpu_.efer = x86::efer::kLme | x86::efer::kLma;
    cpu_.cs.flags = 0x00af9b00;
  }
  void map(std::uint64_t gva, std::uint64_t gpa) { tables_.set(gva, 1, gpa | kP); }
  AddressSpace space() { return {snapshot_, tables_.root()}; }

  testing::FakeMemory memory_{std::uint64_t{16} << 20};
  TableBuilder tables_{memory_, PagingMode::four_level};
  Snapshot snapshot_{{}, {}, memory_};
  CpuState cpu_;
};

TEST_F(DescriptorTables, ReadsAnIdtWithItsPlaces) {
  cpu_.idt = {Gva{0xfffffe0000000000}, 0xfff};
  map(0xfffffe0000000000, 0x5000);
  for (unsigned v = 0; v < 256; ++v) {
    memory_.put(Gpa{0x5000 + v * 16}, kGate + v);
    memory_.put(Gpa{0x5008 + v * 16}, kGateUpper);
  }
  AddressSpace view = space();
  const auto idt = read_idt(view, cpu_);
  EXPECT_TRUE(idt.unreadable.empty());
  ASSERT_EQ(idt.entries.size(), 256u);
  EXPECT_EQ(idt.entries[14].entry.vector, 14u);
  EXPECT_EQ(idt.entries[14].entry.handler, 0xffffffff81e00b70u + 14);
  EXPECT_EQ(idt.entries[14].gva, Gva{0xfffffe00000000e0});
  EXPECT_EQ(idt.entries[14].gpa, Gpa{0x50e0});
}

TEST_F(DescriptorTables, LimitsCutTheIdt) {
  map(0x1000, 0x5000);
  map(0x2000, 0x6000);
  cpu_.idt.base = Gva{0x1000};
  AddressSpace view = space();
  for (const auto& [limit, gates] : std::vector<std::pair<std::uint32_t, std::size_t>>{
           {0, 0}, {14, 0}, {15, 1}, {16, 1}, {31, 2}, {0xfff, 256}, {0xffff, 256}, {0xffffffff, 256}}) {
    cpu_.idt.limit = limit;
    EXPECT_EQ(read_idt(view, cpu_).entries.size(), gates) << limit;
  }
}

TEST_F(DescriptorTables, AnUnmappedPageCostsItsOwnEntriesOnly) {
  map(0x1000, 0x5000);  // 0x2000 is not mapped
  map(0x3000, 0x7000);
  cpu_.gdt = {Gva{0x1ff4}, 0x101f};
  AddressSpace view = space();
  const auto gdt = read_gdt(view, cpu_);
  ASSERT_EQ(gdt.unreadable.size(), 1u);
  EXPECT_EQ(gdt.unreadable[0].code, Errc::not_mapped);
  EXPECT_THAT(gdt.unreadable[0].message, ::testing::HasSubstr("GDT"));
  // Slot 0 is whole; slot 1 lies across into the hole, slot 513 out of it.
  ASSERT_EQ(gdt.entries.size(), 3u);
  EXPECT_EQ(gdt.entries[0].entry.index, 0u);
  EXPECT_EQ(gdt.entries[1].entry.index, 514u);
  EXPECT_EQ(gdt.entries[1].gva, Gva{0x3004});
  EXPECT_EQ(gdt.entries[1].gpa, Gpa{0x7004});
}

TEST_F(DescriptorTables, BasesThatWrapOrAreNotCanonicalAreErrors) {
  map(0xfffffffffffff000, 0x5000);
  map(0, 0x6000);
  AddressSpace view = space();
  cpu_.idt = {Gva{0xffffffffffffff00}, 0xfff};
  const auto wrapping = read_idt(view, cpu_);
  EXPECT_EQ(wrapping.entries.size(), 16u);
  ASSERT_EQ(wrapping.unreadable.size(), 1u);
  EXPECT_EQ(wrapping.unreadable[0].code, Errc::non_canonical);
  cpu_.gdt = {Gva{0x00007ffffffffff8}, 0xffff};
  const auto edge = read_gdt(view, cpu_);
  EXPECT_TRUE(edge.entries.empty());
  EXPECT_EQ(edge.unreadable.size(), 17u);
  EXPECT_EQ(edge.unreadable[0].code, Errc::not_mapped);
  EXPECT_EQ(edge.unreadable[1].code, Errc::non_canonical);
  cpu_.gdt.base = Gva{0x8000000000000000};
  EXPECT_EQ(read_gdt(view, cpu_).unreadable.size(), 16u);
}

TEST_F(DescriptorTables, SystemDescriptorsTakeTwoSlotsInLongMode) {
  map(0x1000, 0x5000);
  memory_.put(Gpa{0x5010}, std::uint64_t{0x00af9b000000ffff});
  memory_.put(Gpa{0x5040}, kTssLow);
  memory_.put(Gpa{0x5048}, kTssHigh);
  memory_.put(Gpa{0x5078}, kTssLow);  // its upper half is beyond the limit
  cpu_.gdt = {Gva{0x1000}, 0x7f};
  AddressSpace view = space();
  const auto gdt = read_gdt(view, cpu_);
  ASSERT_EQ(gdt.entries.size(), 14u);
  EXPECT_EQ(gdt.entries[2].entry.type, DescriptorType::code);
  EXPECT_EQ(gdt.entries[8].entry.type, DescriptorType::tss_busy);
  EXPECT_EQ(gdt.entries[8].entry.base, 0xfffffe0000003000u);
  EXPECT_EQ(gdt.entries[9].entry.index, 10u);

  cpu_.efer = 0;
  const auto narrow = read_gdt(view, cpu_);
  ASSERT_EQ(narrow.entries.size(), 16u);
  EXPECT_EQ(narrow.entries[8].entry.base, 0x3000u);
}

TEST_F(DescriptorTables, TheLargestGdtHas8192Entries) {
  for (std::uint64_t page = 0; page < 16; ++page)
    map(0x100000 + page * kPageSize, 0x500000 + page * kPageSize);
  cpu_.gdt = {Gva{0x100000}, 0xffff};
  AddressSpace view = space();
  EXPECT_EQ(read_gdt(view, cpu_).entries.size(), 8192u);
  cpu_.gdt.limit = 0;
  EXPECT_TRUE(read_gdt(view, cpu_).entries.empty());
}

TEST_F(DescriptorTables, ReadsTheTssThatTrNames) {
  map(0xfffffe0000003000, 0x8000);
  memory_.put(Gpa{0x8004}, std::uint64_t{0xfffffe0000003000});
  memory_.put(Gpa{0x8024}, std::uint64_t{0xfffffe000000b000});
  cpu_.tr = {0x40, 0xfffffe0000003000, 0x4087, 0x8b00};
  AddressSpace view = space();
  const auto tss = read_tss(view, cpu_);
  ASSERT_TRUE(tss) << tss.error().message;
  EXPECT_EQ(tss->entry.rsp[0], 0xfffffe0000003000u);
  EXPECT_EQ(tss->entry.ist[0], 0xfffffe000000b000u);
  EXPECT_EQ(tss->gpa, Gpa{0x8000});

  cpu_.tr.limit = 102;
  EXPECT_EQ(read_tss(view, cpu_).error().code, Errc::malformed);
  cpu_.tr = {0x40, 0xfffffe0000003000, 0x4087, 0x8300};
  EXPECT_EQ(read_tss(view, cpu_).error().code, Errc::unsupported);
  cpu_.tr = {0, 0, 0xffff, 0x8b00};
  EXPECT_EQ(read_tss(view, cpu_).error().code, Errc::not_found);
  cpu_.tr = {0x40, 0xffffffffffffffc0, 0x4087, 0x8b00};
  EXPECT_EQ(read_tss(view, cpu_).error().code, Errc::non_canonical);
}

TEST_F(DescriptorTables, CompatibilityModeGetsTheTssBaseFromTheGdt) {
  map(0xfffffe0000001000, 0x5000);
  map(0xfffffe0000003000, 0x8000);
  memory_.put(Gpa{0x5040}, kTssLow);
  memory_.put(Gpa{0x5048}, kTssHigh);
  memory_.put(Gpa{0x8004}, std::uint64_t{0x1122334455667788});
  cpu_.gdt = {Gva{0xfffffe0000001000}, 0x7f};
  cpu_.cs.flags = 0x00cffb00;
  cpu_.tr = {0x40, 0x3000, 0x4087, 0x8b00};  // as HMP prints it
  AddressSpace view = space();
  const auto tss = read_tss(view, cpu_);
  ASSERT_TRUE(tss) << tss.error().message;
  EXPECT_EQ(tss->gva, Gva{0xfffffe0000003000});
  EXPECT_EQ(tss->entry.rsp[0], 0x1122334455667788u);
  cpu_.tr.base = 0x4000;
  EXPECT_EQ(read_tss(view, cpu_).error().code, Errc::mismatch);
  cpu_.tr.selector = 0x78;
  EXPECT_EQ(read_tss(view, cpu_).error().code, Errc::malformed);
}

TEST_F(DescriptorTables, RealModeHasNone) {
  cpu_.cr0 = 0;
  cpu_.efer = 0;
  cpu_.gdt = cpu_.idt = {Gva{0}, 0xffff};
  AddressSpace view = space();
  EXPECT_TRUE(read_idt(view, cpu_).entries.empty());
  EXPECT_EQ(read_idt(view, cpu_).unreadable.at(0).code, Errc::unsupported);
  EXPECT_EQ(read_gdt(view, cpu_).unreadable.at(0).code, Errc::unsupported);
  EXPECT_EQ(read_tss(view, cpu_).error().code, Errc::unsupported);
}

}  // namespace
}  // namespace ringside::guest
