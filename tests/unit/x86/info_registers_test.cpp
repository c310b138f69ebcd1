// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"
#include "guest/x86/cpu_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace ringside::guest::x86 {
namespace {

using ::testing::HasSubstr;

std::string replace(std::string text, std::string_view what, std::string_view by) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

std::string without_cr(std::string text) {
  std::erase(text, '\r');
  return text;
}

TEST(InfoRegisters, ReadsEveryFieldOfA64BitSmpGuest) {
  const auto cpus = parse_info_registers(fixture("linux64-smp2.regs"));
  ASSERT_TRUE(cpus) << cpus.error().message;
  ASSERT_EQ(cpus->size(), 2u);
  const CpuState& cpu = (*cpus)[0];
  EXPECT_EQ(cpu.index, 0u);
  EXPECT_EQ(cpu.gpr[rax], 0x1ad40u);
  EXPECT_EQ(cpu.gpr[rcx], 1u);
  EXPECT_EQ(cpu.gpr[rdx], 0x4000000000000000u);
  EXPECT_EQ(cpu.gpr[rbx], 0u);
  EXPECT_EQ(cpu.gpr[rsp], 0xffffffff93c03e98u);
  EXPECT_EQ(cpu.gpr[rbp], 0xffffffff93c1aa40u);
  EXPECT_EQ(cpu.gpr[rsi], 0x83u);
  EXPECT_EQ(cpu.gpr[rdi], 0x1edcu);
  EXPECT_EQ(cpu.gpr[r9], 0x314dd5bdu);
  EXPECT_EQ(cpu.gpr[r10], 0xfffffffbu);
  EXPECT_EQ(cpu.gpr[r15], 0x14790u);
  EXPECT_EQ(cpu.rip, 0xffffffff92c17a0bu);
  EXPECT_EQ(cpu.rflags, 0x246u);
  EXPECT_EQ(cpu.cpl, 0u);
  EXPECT_TRUE(cpu.halted);
  EXPECT_EQ(cpu.cs, (Segment{0x10, 0, 0xffffffff, 0x00af9b00}));
  EXPECT_EQ(cpu.gs, (Segment{0, 0xffff8c3d4f800000, 0, 0}));
  EXPECT_EQ(cpu.ldt, (Segment{0, 0, 0, 0x8200}));
  EXPECT_EQ(cpu.tr, (Segment{0x40, 0xfffffe0000003000, 0x4087, 0x8900}));
  EXPECT_EQ(cpu.gdt, (TableRegister{Gva{0xfffffe0000001000}, 0x7f}));
  EXPECT_EQ(cpu.idt, (TableRegister{Gva{0xfffffe0000000000}, 0xfff}));
  EXPECT_EQ(cpu.cr0, 0x80050033u);
  EXPECT_EQ(cpu.cr2, 0x4f0215u);
  EXPECT_EQ(cpu.cr3, 0x2956000u);
  EXPECT_EQ(cpu.cr4, 0x750eb0u);
  EXPECT_EQ(cpu.efer, 0xd01u);
  EXPECT_EQ(cpu.dr, (std::array<std::uint64_t, 8>{0, 0, 0, 0, 0, 0, 0xffff0ff0, 0x400}));
  EXPECT_EQ(cpu.paging_mode(), PagingMode::four_level);
  EXPECT_FALSE(cpu.compatibility_mode());
  EXPECT_FALSE(cpu.msrs);
  EXPECT_EQ((*cpus)[1].gdt.base, Gva{0xfffffe000003c000});
  EXPECT_EQ((*cpus)[1].cr3, 0xc810000u);
}

TEST(InfoRegisters, ReadsEachCpuInItsOwnForm) {
  const auto cpus = parse_info_registers(fixture("bios32-smp2.regs"));
  ASSERT_TRUE(cpus) << cpus.error().message;
  ASSERT_EQ(cpus->size(), 2u);
  EXPECT_EQ((*cpus)[0].rip, 0xb7b9u);
  EXPECT_EQ((*cpus)[0].es, (Segment{0xd980, 0xd9800, 0xffff, 0x9300}));
  EXPECT_EQ((*cpus)[0].paging_mode(), PagingMode::none);
  EXPECT_EQ((*cpus)[1].gpr[rax], 0xf49f6u);
  EXPECT_EQ((*cpus)[1].cs, (Segment{8, 0, 0xffffffff, 0x00cf9b00}));
  EXPECT_EQ((*cpus)[1].gdt, (TableRegister{Gva{0xf6180}, 0x37}));

  const auto first =
      parse_info_registers(replace(fixture("reset64.regs"), "CPU#0", "CPU#7") + fixture("linux64-smp2.regs"));
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_EQ(first->size(), 3u);
  EXPECT_EQ((*first)[0].index, 7u);
  EXPECT_EQ((*first)[0].cs.base, 0xffff0000u);
  EXPECT_EQ((*first)[1].rip, 0xffffffff92c17a0bu);
}

// A 32-bit program under a 64-bit kernel: 32-bit registers and segments, 64-bit GDT, IDT and CRs.
TEST(InfoRegisters, ReadsACpuInCompatibilityMode) {
  std::string text = without_cr(fixture("linux64-smp2.regs"));
  const std::string tail = text.substr(text.find("GDT="), text.find("\nCPU#1") - text.find("GDT="));
  std::string head = fixture("bios32-smp2.regs");
  head = head.substr(head.find("CPU#1"));
  head = head.substr(0, head.find("GDT="));
  const auto cpus = parse_info_registers(head + tail);
  ASSERT_TRUE(cpus) << cpus.error().message;
  EXPECT_TRUE(cpus->front().compatibility_mode());
  EXPECT_EQ(cpus->front().paging_mode(), PagingMode::four_level);
  EXPECT_EQ(cpus->front().idt.base, Gva{0xfffffe0000000000});
}

TEST(InfoRegisters, LineEndsMakeNoDifference) {
  EXPECT_EQ(*parse_info_registers(fixture("linux64-smp2.regs")),
            *parse_info_registers(without_cr(fixture("linux64-smp2.regs"))));
}

TEST(InfoRegisters, SkipsLinesItDoesNotKnow) {
  const auto cpus = parse_info_registers(
      replace(fixture("linux64-smp2.regs"), "EFER=", "NEW=12 [thing] ???\r\nlabel without value\r\nEFER="));
  ASSERT_TRUE(cpus) << cpus.error().message;
  EXPECT_EQ(*cpus, *parse_info_registers(fixture("linux64-smp2.regs")));
}

TEST(InfoRegisters, NamesTheFieldThatIsMissing) {
  for (const char* field : {"RBX=", "R8 =", "RIP=", "RFL=", "CPL=", "HLT=", "CS =", "LDT=", "TR =", "GDT=",
                            "IDT=", "CR0=", "CR3=", "DR0=", "DR7=", "EFER="}) {
    const auto cpus = parse_info_registers(replace(fixture("linux64-smp2.regs"), field, "none="));
    ASSERT_FALSE(cpus) << field;
    EXPECT_EQ(cpus.error().code, Errc::malformed);
    const std::string name(field, std::string_view(field).find_first_of(" ="));
    EXPECT_THAT(cpus.error().message, HasSubstr(name));
    EXPECT_THAT(cpus.error().message, HasSubstr("CPU 0"));
  }
}

TEST(InfoRegisters, RefusesBadValues) {
  const std::string text = fixture("linux64-smp2.regs");
  for (const auto& [what, by] : std::vector<std::pair<std::string, std::string>>{
           {"CR0=80050033", "CR0="},
           {"CR0=80050033", "CR0=10000000000000000"},
           {"CPL=0", "CPL=4"},
           {"HLT=1", "HLT=2"},
           {"CS =0010", "CS =10010"},
           {"GDT=     fffffe0000001000 0000007f", "GDT=     fffffe0000001000"},
           {"GDT=     fffffe0000001000 0000007f", "GDT=     fffffe0000001000 10000007f"},
           {"TR =0040 fffffe0000003000 00004087 00008900", "TR =0040 fffffe0000003000"},
           {"CR0=80050033", "CR0=80050033 CR0=80050033"},
           {"RAX=", "EAX=0 RAX="},
           {"RBX=", "EBX=0 RBX="},
           {"CPU#1", "CPU#0"},
           {"CPU#1", "CPU#"},
           {"CPU#1", "CPU#99999999999"},
           {"CPU#1", "CPU#1 x"},
       }) {
    const auto cpus = parse_info_registers(replace(text, what, by));
    ASSERT_FALSE(cpus) << what << " -> " << by;
    EXPECT_EQ(cpus.error().code, Errc::malformed) << by;
  }
}

TEST(InfoRegisters, RefusesTextWithoutACpu) {
  for (const char* text : {"", "\r\n", "unknown command: 'info registers'\r\n", "RAX=0\r\n"}) {
    const auto cpus = parse_info_registers(text);
    ASSERT_FALSE(cpus);
    EXPECT_EQ(cpus.error().code, Errc::malformed);
  }
}

TEST(InfoRegisters, EveryCutIsAnErrorOrAWholePrefix) {
  const std::string text = fixture("linux64-smp2.regs");
  const auto whole = *parse_info_registers(text);
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto cpus = parse_info_registers(std::string_view(text).substr(0, n));
    if (!cpus) continue;
    // Cut inside EFER's digits or in the lines after it: the value may be short, everything before it stands.
    ASSERT_LE(cpus->size(), whole.size());
    EXPECT_EQ(cpus->back().cr3, whole[cpus->size() - 1].cr3) << n;
  }
}

TEST(InfoRegisters, BoundsTheNumberOfCpus) {
  std::string one = fixture("reset64.regs"), text;
  one = without_cr(one.substr(one.find("EAX")));
  for (unsigned n = 0; n <= 4096; ++n) text += "CPU#" + std::to_string(n) + "\n" + one;
  const auto cpus = parse_info_registers(text);
  ASSERT_FALSE(cpus);
  EXPECT_EQ(cpus.error().code, Errc::out_of_bounds);
}

TEST(CpuState, PagingModeFollowsTheControlRegisters) {
  CpuState cpu;
  EXPECT_EQ(cpu.paging_mode(), PagingMode::none);
  cpu.cr0 = cr0::kPe;
  cpu.cr4 = cr4::kPae;
  EXPECT_EQ(cpu.paging_mode(), PagingMode::none);
  cpu.cr0 |= cr0::kPg;
  EXPECT_EQ(cpu.paging_mode(), PagingMode::pae);
  cpu.efer = efer::kLme;
  EXPECT_EQ(cpu.paging_mode(), PagingMode::pae);
  cpu.efer |= efer::kLma;
  EXPECT_EQ(cpu.paging_mode(), PagingMode::four_level);
  cpu.cr4 |= cr4::kLa57;
  EXPECT_EQ(cpu.paging_mode(), PagingMode::five_level);
  cpu.efer = 0;
  cpu.cr4 = cr4::kPse;
  EXPECT_EQ(cpu.paging_mode(), PagingMode::two_level);
}

}  // namespace
}  // namespace ringside::guest::x86
