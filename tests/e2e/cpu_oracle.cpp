// SPDX-License-Identifier: Apache-2.0
// Registers, MSRs and descriptor tables against what QEMU's monitor and the guest's own kernel say.
#include "guest/descriptor_tables.h"
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/monitor_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace ringside::lab {
namespace {

using guest::live::MsrSource;
using guest::x86::CpuState;

/// A paused two-vCPU guest, whose kernel was asked for its symbols first.
class CpuOracle : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    Options options;
    options.smp = 2;
    options.ram = Ram::memfd;
    guest_ = new Result<std::unique_ptr<Guest>>(Guest::boot(options));
    if (!*guest_) return;
    symbols_ = (**guest_)->run(
        "grep -E ' (entry_SYSCALL_64|entry_SYSCALL_compat|entry_SYSENTER_compat|"
        "asm_exc_page_fault|asm_exc_int3)$' /proc/kallsyms");
    (void)(**guest_)->qmp().execute("stop");
  }
  static void TearDownTestSuite() {
    delete guest_;
    guest_ = nullptr;
  }
  void SetUp() override {
    RINGSIDE_REQUIRE_GUEST(*guest_);
    auto attached = attach(guest());
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    attached_ = std::move(*attached);
  }

  static Guest& guest() { return ***guest_; }
  std::vector<CpuState> cpus(MsrSource source) {
    auto cpus = attached_->live->read_cpus(source);
    EXPECT_TRUE(cpus.has_value()) << cpus.error().message;
    return cpus ? *cpus : std::vector<CpuState>{};
  }
  static std::uint64_t symbol(const std::string& name) {
    const auto at = symbols_.find(" " + name + "\n");
    const auto line = symbols_.rfind('\n', at);
    return std::strtoull(symbols_.c_str() + (line == std::string::npos ? 0 : line + 1), nullptr, 16);
  }

  static Result<std::unique_ptr<Guest>>* guest_;
  static std::string symbols_;
  std::unique_ptr<Attached> attached_;
};
Result<std::unique_ptr<Guest>>* CpuOracle::guest_ = nullptr;
std::string CpuOracle::symbols_;

TEST_F(CpuOracle, ReadsTheRegistersThatInfoRegistersShows) {
  const std::vector<CpuState> ours = cpus(MsrSource::none);
  ASSERT_EQ(ours.size(), 2u);
  for (const CpuState& cpu : ours) {
    const std::string text = guest().qmp().hmp("info registers", cpu.index);
    EXPECT_EQ(cpu.rip, register_field(text, "RIP"));
    EXPECT_EQ(cpu.rflags, register_field(text, "RFL"));
    EXPECT_EQ(cpu.gpr[guest::x86::rax], register_field(text, "RAX"));
    EXPECT_EQ(cpu.gpr[guest::x86::rsp], register_field(text, "RSP"));
    EXPECT_EQ(cpu.gpr[guest::x86::r15], register_field(text, "R15"));
    EXPECT_EQ(cpu.cr0, register_field(text, "CR0"));
    EXPECT_EQ(cpu.cr2, register_field(text, "CR2"));
    EXPECT_EQ(cpu.cr3, register_field(text, "CR3"));
    EXPECT_EQ(cpu.cr4, register_field(text, "CR4"));
    EXPECT_EQ(cpu.efer, register_field(text, "EFER"));
    EXPECT_EQ(cpu.gdt.base.value, register_field(text, "GDT"));
    EXPECT_EQ(cpu.gdt.limit, register_field(text, "GDT", 1));
    EXPECT_EQ(cpu.idt.base.value, register_field(text, "IDT"));
    EXPECT_EQ(cpu.idt.limit, register_field(text, "IDT", 1));
    EXPECT_EQ(cpu.tr.selector, register_field(text, "TR"));
    EXPECT_EQ(cpu.tr.base, register_field(text, "TR", 1));
    EXPECT_EQ(cpu.cs.selector, register_field(text, "CS"));
    EXPECT_EQ(cpu.gs.base, register_field(text, "GS", 1));
    EXPECT_EQ(cpu.dr[7], register_field(text, "DR7"));
  }
}

TEST_F(CpuOracle, ReadsTheEntryPointsThatTheKernelSet) {
  for (const MsrSource source : {MsrSource::vmstate, MsrSource::automatic}) {
    for (const CpuState& cpu : cpus(source)) {
      ASSERT_TRUE(cpu.msrs.has_value()) << cpu.msrs_unknown;
      EXPECT_EQ(cpu.msrs->lstar, symbol("entry_SYSCALL_64"));
      EXPECT_EQ(cpu.msrs->cstar, symbol("entry_SYSCALL_compat"));
      EXPECT_EQ(cpu.msrs->sysenter_eip, symbol("entry_SYSENTER_compat"));
      EXPECT_EQ(cpu.msrs->star, 0x0023001000000000u);  // Linux arch/x86/kernel/cpu/common.c, syscall_init
      EXPECT_EQ(cpu.msrs->sysenter_cs, 0x10u);
    }
  }
}

TEST_F(CpuOracle, CalibratedMsrsEqualTheDeviceState) {
  const std::vector<CpuState> vmstate = cpus(MsrSource::vmstate);
  (void)cpus(MsrSource::automatic);  // calibrates
  const std::vector<CpuState> calibrated = cpus(MsrSource::calibrated);
  ASSERT_EQ(vmstate.size(), 2u);
  ASSERT_EQ(calibrated.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(calibrated[i].msrs.has_value()) << calibrated[i].msrs_unknown;
    EXPECT_EQ(calibrated[i].msrs, vmstate[i].msrs);
  }
}

TEST_F(CpuOracle, ReadingMsrsLeavesAPausedGuestPaused) {
  (void)cpus(MsrSource::vmstate);
  EXPECT_EQ(guest().qmp().status(), "paused");
}

TEST_F(CpuOracle, DescriptorTablesHoldTheBytesThatQemuShows) {
  auto snapshot = attached_->live->snapshot(MsrSource::none);
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
  const auto& all = (*snapshot)->cpus(guest::RegisterGroups::tables | guest::RegisterGroups::root);
  for (const CpuState& cpu : all) {
    guest::AddressSpace space(**snapshot, guest::x86::PagingRoot::of(cpu));
    const auto idt = guest::read_idt(space, cpu);
    EXPECT_TRUE(idt.unreadable.empty());
    ASSERT_EQ(idt.entries.size(), 256u);
    // The oracle reads virtual addresses with vCPU 0; Linux maps the table at one address on every vCPU.
    const auto idt_bytes =
        parse_byte_dump(guest().qmp().hmp(fmt::format("x /4096bx {:#x}", cpu.idt.base.value), cpu.index));
    ASSERT_EQ(idt_bytes.size(), 4096u);
    for (const auto& gate : idt.entries)
      for (unsigned i = 0; i < 16; ++i)
        ASSERT_EQ(std::to_integer<unsigned>(gate.entry.raw[i]), idt_bytes[gate.entry.vector * 16 + i]);
    EXPECT_EQ(idt.entries[14].entry.handler, symbol("asm_exc_page_fault"));
    EXPECT_EQ(idt.entries[3].entry.handler, symbol("asm_exc_int3"));
    EXPECT_EQ(idt.entries[3].entry.dpl, 3u);
    EXPECT_EQ(idt.entries[14].entry.dpl, 0u);

    const auto gdt = guest::read_gdt(space, cpu);
    EXPECT_TRUE(gdt.unreadable.empty());
    const auto gdt_bytes = parse_byte_dump(
        guest().qmp().hmp(fmt::format("x /{}bx {:#x}", cpu.gdt.limit + 1, cpu.gdt.base.value), cpu.index));
    ASSERT_EQ(gdt_bytes.size(), cpu.gdt.limit + 1);
    for (const auto& entry : gdt.entries)
      for (unsigned i = 0; i < entry.entry.size; ++i)
        ASSERT_EQ(std::to_integer<unsigned>(entry.entry.raw[i]), gdt_bytes[entry.entry.index * 8 + i]);
    const auto tss = guest::read_tss(space, cpu);
    ASSERT_TRUE(tss.has_value()) << tss.error().message;
    EXPECT_EQ(tss->gva.value, cpu.tr.base);
  }
}

/// A kernel of 32 bits sets SYSENTER alone; qemu-system-i386 has no more, and keeps it elsewhere.
class CpuOracleOf32Bits : public testing::TestWithParam<const char*> {};

TEST_P(CpuOracleOf32Bits, ReadsTheEntryPointThatTheKernelSet) {
  Options options;
  options.qemu = GetParam();
  options.kernel = "686-pae";
  options.smp = 2;
  options.ram = Ram::memfd;
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  const std::string line = guest.run("grep ' entry_SYSENTER_32$' /proc/kallsyms");
  const std::uint64_t entry = std::strtoull(line.c_str(), nullptr, 16);
  ASSERT_NE(entry, 0u) << line;
  auto attached = attach(guest);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  std::vector<CpuState> before;
  for (const MsrSource source : {MsrSource::vmstate, MsrSource::automatic, MsrSource::calibrated}) {
    const auto cpus = (*attached)->live->read_cpus(source);
    ASSERT_TRUE(cpus.has_value()) << cpus.error().message;
    ASSERT_EQ(cpus->size(), 2u);
    for (const CpuState& cpu : *cpus) {
      ASSERT_TRUE(cpu.msrs.has_value()) << cpu.msrs_unknown;
      EXPECT_EQ(cpu.msrs->sysenter_cs, 0x60u);
      EXPECT_EQ(cpu.msrs->sysenter_eip, entry);
      EXPECT_EQ(cpu.msrs->lstar, 0u);
    }
    EXPECT_NE((*cpus)[0].msrs->sysenter_esp, (*cpus)[1].msrs->sysenter_esp);
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ((*cpus)[i].msrs, before[i].msrs);
    before = *cpus;
  }
}

INSTANTIATE_TEST_SUITE_P(, CpuOracleOf32Bits, testing::Values("qemu-system-i386", "qemu-system-x86_64"),
                         [](const auto& program) {
                           return std::string(program.param) == "qemu-system-i386" ? "I386" : "X86_64";
                         });

}  // namespace
}  // namespace ringside::lab
