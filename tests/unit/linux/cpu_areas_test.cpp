// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/cpu_areas.h"

#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;

constexpr std::uint64_t kOffset0 = 0x300000, kOffset1 = 0x310000;
constexpr Gva kArea0{0x500000}, kArea1{0x600000};

/// Two CPUs: per-CPU variables at kOffset0 and kOffset1, entry areas at kArea0 and kArea1.
class CpuAreasTest : public ::testing::Test {
 protected:
  CpuAreasTest() {
    kernel.set_per_cpu_offsets({kOffset0, kOffset1});
    auto& types = kernel.btf_writer();
    const auto integer = types.integer("int", 4, true), character = types.integer("char", 1, true);
    const auto comm = types.array(character, 16), page = types.array(character, 0x1000),
               stack = types.array(character, 0x2000);
    types.struct_("task_struct", 64, {{"pid", integer, 0}, {"comm", comm, 128}});
    const auto hardware = types.struct_("x86_hw_tss", 104, {{"reserved1", integer, 0}});
    const auto tss = types.struct_("tss_struct", 0x1000, {{"x86_tss", hardware, 0}});
    std::vector<testing::BtfWriter::Member> members;
    std::uint32_t at = 0x1000;
    for (const char* name : {"DF_stack", "NMI_stack", "DB_stack", "MCE_stack", "VC_stack"}) {
      members.push_back({name, stack, at * 8});
      at += 0x3000;
    }
    const auto stacks = types.struct_("cea_exception_stacks", 0x10000, members);
    types.struct_("cpu_entry_area", 0x20000,
                  {{"gdt", page, 0}, {"tss", tss, 0x2000 * 8}, {"estacks", stacks, 0x9000 * 8}});
    kernel.define("current_task", Gva{0x1000});
    kernel.define("cea_exception_stacks", Gva{0x1008});
    kernel.define("__cpu_online_mask", Gva{0x700000});
    kernel.put(Gva{0x700000}, std::uint64_t{3});
    for (const auto& [offset, area] : {std::pair{kOffset0, kArea0}, std::pair{kOffset1, kArea1}}) {
      const Gva task = kernel.allocate(64);
      kernel.put(task, offset == kOffset0 ? 0 : 42);
      kernel.put_string(task + 16, offset == kOffset0 ? "swapper/0" : "sh");
      kernel.put_pointer(Gva{0x1000 + offset}, task.value);
      kernel.put_pointer(Gva{0x1008 + offset}, area.value + 0x9000);
    }
  }
  std::vector<CpuArea> read() {
    auto areas = read_cpu_areas(kernel);
    EXPECT_TRUE(areas);
    return areas ? areas->entries : std::vector<CpuArea>{};
  }
  FakeKernel kernel;
};

TEST_F(CpuAreasTest, GivesEachCpuItsAreasAndWhatRunsOnIt) {
  const auto areas = read();
  ASSERT_EQ(areas.size(), 2u);
  EXPECT_EQ(areas[1].cpu, 1u);
  EXPECT_EQ(areas[1].offset, kOffset1);
  EXPECT_EQ(areas[1].online, true);
  EXPECT_EQ(areas[1].entry_area, kArea1);
  EXPECT_EQ(areas[1].gdt, kArea1);
  EXPECT_EQ(areas[1].tss, kArea1 + 0x2000);
  EXPECT_EQ(areas[1].pid, 42u);
  EXPECT_EQ(areas[1].comm, "sh");
  EXPECT_EQ(areas[0].pid, 0u);
  ASSERT_EQ(areas[0].stacks.size(), 5u);
  EXPECT_EQ(areas[0].stacks[1].ist, 2u);
  EXPECT_EQ(areas[0].stacks[1].bottom, kArea0 + 0x9000 + 0x4000);
  EXPECT_EQ(areas[0].stacks[1].top, kArea0 + 0x9000 + 0x6000);
}

TEST_F(CpuAreasTest, ACpuThatIsNotOnlineKeepsItsAreaAndRunsNothing) {
  kernel.put(Gva{0x700000}, std::uint64_t{1});
  const auto areas = read();
  ASSERT_EQ(areas.size(), 2u);
  EXPECT_EQ(areas[1].online, false);
  EXPECT_NE(areas[1].entry_area, std::nullopt);
  EXPECT_EQ(areas[1].task, std::nullopt);
}

TEST_F(CpuAreasTest, WhatCannotBeReadOfOneCpuCostsThatCpuOnly) {
  kernel.memory().fail_page({kOffset1 + 0x1000}, {Errc::not_ram, "gone"});
  auto areas = read_cpu_areas(kernel);
  ASSERT_TRUE(areas);
  EXPECT_FALSE(areas->problems.empty());
  EXPECT_EQ(areas->entries.at(0).pid, 0u);
  EXPECT_EQ(areas->entries.at(1).pid, std::nullopt);
}

TEST_F(CpuAreasTest, AVcpuIsKnownByTrThenGdtrThenGs) {
  const auto areas = read();
  x86::CpuState vcpu;
  vcpu.efer = x86::efer::kLma;
  vcpu.cpl = 3;
  EXPECT_EQ(cpu_of(areas, vcpu), std::nullopt);
  vcpu.gs.base = kOffset1;
  EXPECT_EQ(cpu_of(areas, vcpu), std::nullopt) << "GS is the program's in user mode";
  vcpu.cpl = 0;
  EXPECT_EQ(cpu_of(areas, vcpu), 1u);
  vcpu.gdt.base = kArea0;
  EXPECT_EQ(cpu_of(areas, vcpu), 0u);
  vcpu.tr.base = (kArea1 + 0x2000).value;
  EXPECT_EQ(cpu_of(areas, vcpu), 1u);
}

TEST(CpuAreas, AKernelWithoutTypesTellsItsOffsets) {
  FakeKernel kernel(32);
  kernel.set_recovered_types(nullptr);
  kernel.set_per_cpu_offsets({kOffset0});
  const auto areas = read_cpu_areas(kernel);
  ASSERT_TRUE(areas);
  ASSERT_EQ(areas->entries.size(), 1u);
  EXPECT_EQ(areas->entries[0].offset, kOffset0);
  EXPECT_EQ(areas->entries[0].entry_area, std::nullopt);
}

TEST(CpuAreas, CurrentTaskStandsInAStructOfHotVariablesInSomeReleases) {
  FakeKernel kernel;
  kernel.set_per_cpu_offsets({kOffset0});
  auto& types = kernel.btf_writer();
  const auto pointer = types.pointer(types.integer("char", 1));
  types.struct_("pcpu_hot", 64, {{"current_task", pointer, 128}});
  kernel.define("pcpu_hot", Gva{0x2000});
  kernel.put_pointer(Gva{0x2010 + kOffset0}, 0x800000);
  const auto areas = read_cpu_areas(kernel);
  ASSERT_TRUE(areas);
  EXPECT_EQ(areas->entries.at(0).task, Gva{0x800000});
}

TEST(CpuAreas, StacksHaveLinuxNames) {
  EXPECT_EQ(interrupt_stack_name(1), "DF");
  EXPECT_EQ(interrupt_stack_name(5), "VC");
  EXPECT_EQ(interrupt_stack_name(0), "");
  EXPECT_EQ(interrupt_stack_name(6), "");
}

}  // namespace
}  // namespace ringside::guest::linux
