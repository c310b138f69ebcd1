// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/vmstate_cpu.h"

#include "fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringside::guest::x86 {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kHeader = 17, kFixed = 864;  // section type to version; the fields that are read

/// Where the header of the `instance`th cpu section starts.
std::size_t section(const std::string& stream, char instance) {
  const std::string pattern = std::string(
                                  "\x03"
                                  "cpu\0\0\0",
                                  7) +
                              instance + std::string("\0\0\0\x0c", 4);
  const auto at = stream.find(pattern);
  EXPECT_NE(at, std::string::npos);
  return at - 5;
}

std::vector<CpuState> registers(const std::string& name) {
  return parse_info_registers(fixture(name)).value();
}

/// What the stream does not say, or says in full where HMP cuts.
CpuState comparable(CpuState cpu) {
  cpu.halted = false;
  cpu.msrs.reset();
  cpu.msrs_unknown.clear();
  return cpu;
}

TEST(VmstateCpu, EqualsInfoRegistersAndAddsTheMsrs) {
  const auto cpus = parse_vmstate_cpus(as_bytes(fixture("linux64-smp2.vmstate")), 2);
  ASSERT_TRUE(cpus) << cpus.error().message;
  const auto expected = registers("linux64-smp2.regs");
  ASSERT_EQ(cpus->size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(comparable((*cpus)[i]), comparable(expected[i])) << i;
    ASSERT_TRUE((*cpus)[i].msrs);
    const Msrs& msrs = *(*cpus)[i].msrs;
    EXPECT_EQ(msrs.star, 0x0023001000000000u);
    EXPECT_EQ(msrs.lstar, 0xffffffff92e00080u);
    EXPECT_EQ(msrs.cstar, 0xffffffff92e01870u);
    EXPECT_EQ(msrs.sfmask, 0x257fd5u);
    EXPECT_EQ(msrs.sysenter_cs, 0x10u);
    EXPECT_EQ(msrs.sysenter_eip, 0xffffffff92e017b0u);
  }
  EXPECT_EQ((*cpus)[0].msrs->sysenter_esp, 0xfffffe0000003000u);  // Linux: the TSS
  EXPECT_EQ((*cpus)[1].msrs->sysenter_esp, 0xfffffe000003e000u);
}

TEST(VmstateCpu, EqualsInfoRegistersAtReset) {
  const auto cpus = parse_vmstate_cpus(as_bytes(fixture("reset64.vmstate")), 1);
  ASSERT_TRUE(cpus) << cpus.error().message;
  EXPECT_EQ(comparable(cpus->front()), comparable(registers("reset64.regs").front()));
}

TEST(VmstateCpu, AnEmulatorOf32BitsSavesNarrowerRegistersAndNoEfer) {
  const std::string stream = fixture("linux32-smp2.vmstate");
  auto expected = registers("linux32-smp2.regs");
  const auto with_reference = parse_vmstate_cpus(as_bytes(stream), expected, Emulator::i386);
  ASSERT_TRUE(with_reference) << with_reference.error().message;
  const auto cpus = parse_vmstate_cpus(as_bytes(stream), 2, Emulator::i386);
  ASSERT_TRUE(cpus) << cpus.error().message;
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(comparable((*with_reference)[i]), comparable(expected[i])) << i;
    expected[i].efer = 0;
    EXPECT_EQ(comparable((*cpus)[i]), comparable(expected[i])) << i;
    const Msrs& msrs = *(*cpus)[i].msrs;
    // Linux sets SYSENTER alone: arch/x86/kernel/cpu/common.c, enable_sep_cpu.
    EXPECT_EQ(
        msrs,
        (Msrs{.sysenter_cs = 0x60, .sysenter_esp = msrs.sysenter_esp, .sysenter_eip = msrs.sysenter_eip}));
    EXPECT_EQ(msrs.sysenter_eip, 0xcc9321a0u);
  }
  EXPECT_EQ((*cpus)[0].msrs->sysenter_esp, 0xff404000u);
  EXPECT_EQ((*cpus)[1].msrs->sysenter_esp, 0xff42f000u);
  EXPECT_FALSE(parse_vmstate_cpus(as_bytes(stream), 2));
  EXPECT_FALSE(parse_vmstate_cpus(as_bytes(fixture("linux64-smp2.vmstate")), 2, Emulator::i386));
}

TEST(VmstateCpu, ATruncatedSectionOf32BitsIsMalformed) {
  const std::string stream = fixture("linux32-smp2.vmstate");
  const std::size_t end = section(stream, 1) + kHeader + 488;
  EXPECT_TRUE(parse_vmstate_cpus(as_bytes(stream).first(end), 2, Emulator::i386));
  EXPECT_EQ(parse_vmstate_cpus(as_bytes(stream).first(end - 1), 2, Emulator::i386).error().code,
            Errc::malformed);
}

TEST(VmstateCpu, EveryTruncationIsMalformed) {
  const std::string stream = fixture("linux64-smp2.vmstate");
  const std::size_t end = section(stream, 1) + kHeader + kFixed;
  for (std::size_t n = 0; n < end; ++n) {
    const auto cpus = parse_vmstate_cpus(as_bytes(stream).first(n), 2);
    ASSERT_FALSE(cpus) << n;
    ASSERT_EQ(cpus.error().code, Errc::malformed);
  }
  EXPECT_TRUE(parse_vmstate_cpus(as_bytes(stream).first(end), 2));
  EXPECT_THAT(parse_vmstate_cpus(as_bytes(stream).first(end - 1), 2).error().message, HasSubstr("vCPU 1"));
}

TEST(VmstateCpu, WantsExactlyTheVcpusThatAreThere) {
  const std::string stream = fixture("linux64-smp2.vmstate");
  EXPECT_THAT(parse_vmstate_cpus(as_bytes(stream), 3).error().message, HasSubstr("vCPU 2"));
  EXPECT_EQ(parse_vmstate_cpus(as_bytes(stream), 1)->size(), 1u);
  EXPECT_EQ(parse_vmstate_cpus(as_bytes(stream), 0u).error().code, Errc::invalid_argument);
  EXPECT_EQ(parse_vmstate_cpus(as_bytes(stream), 5000).error().code, Errc::invalid_argument);
}

TEST(VmstateCpu, WrongSectionTypeOrVersionDoesNotCount) {
  for (const auto& [offset, value] :
       std::vector<std::pair<std::size_t, char>>{{0, '\x01'}, {16, '\x0d'}, {15, '\x01'}}) {
    std::string stream = fixture("linux64-smp2.vmstate");
    stream[section(stream, 0) + offset] = value;
    EXPECT_EQ(parse_vmstate_cpus(as_bytes(stream), 2).error().code, Errc::malformed) << offset;
  }
}

TEST(VmstateCpu, AForgedHeaderBeforeOtherBytesDoesNotCount) {
  const std::string good = fixture("linux64-smp2.vmstate");
  const std::string header = good.substr(section(good, 0), kHeader);
  for (char fill : {'\0', '\xff', 'A'}) {
    const std::string stream =
        header + std::string(kFixed, fill) + good + header + std::string(kFixed, fill) + header;
    const auto cpus = parse_vmstate_cpus(as_bytes(stream), 2);
    ASSERT_TRUE(cpus) << cpus.error().message;
    EXPECT_EQ((*cpus)[0].msrs->lstar, 0xffffffff92e00080u);
  }
  // In the vector registers of the real section, where a program can put it.
  std::string stream = good;
  stream.replace(section(good, 0) + kHeader + 560, header.size(), header);
  EXPECT_TRUE(parse_vmstate_cpus(as_bytes(stream), 2));
}

TEST(VmstateCpu, AWholeForgedSectionMakesItAmbiguous) {
  const std::string good = fixture("linux64-smp2.vmstate");
  std::string forged = good.substr(section(good, 0), kHeader + kFixed);
  forged[kHeader + 832 + 7] = '\x42';  // LSTAR
  for (const std::string& stream : {good + forged, forged + good}) {
    const auto cpus = parse_vmstate_cpus(as_bytes(stream), 2);
    ASSERT_FALSE(cpus);
    EXPECT_EQ(cpus.error().code, Errc::malformed);
    EXPECT_THAT(cpus.error().message, HasSubstr("vCPU 0"));
    // It also has the right GDTR, IDTR and EFER: still not a reason to believe either.
    EXPECT_EQ(parse_vmstate_cpus(as_bytes(stream), registers("linux64-smp2.regs")).error().code,
              Errc::malformed);
  }
  // The same values twice leave nothing to choose.
  EXPECT_TRUE(parse_vmstate_cpus(as_bytes(good + good), 2));
}

TEST(VmstateCpu, TheReferenceTellsTheRealSection) {
  const std::string good = fixture("linux64-smp2.vmstate");
  std::string forged = good.substr(section(good, 0), kHeader + kFixed);
  forged[kHeader + 832 + 7] = '\x42';
  forged[kHeader + 396 + 11] = '\x10';  // GDT base
  const std::string stream = forged + good;
  EXPECT_FALSE(parse_vmstate_cpus(as_bytes(stream), 2));
  const auto reference = registers("linux64-smp2.regs");
  const auto cpus = parse_vmstate_cpus(as_bytes(stream), reference);
  ASSERT_TRUE(cpus) << cpus.error().message;
  EXPECT_EQ((*cpus)[0].msrs->lstar, 0xffffffff92e00080u);
  // Only the second vCPU, in the reference's order.
  const auto second = parse_vmstate_cpus(as_bytes(stream), std::span(reference).subspan(1));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->front().index, 1u);
}

TEST(VmstateCpu, AReferenceThatNothingFitsIsAMismatch) {
  auto reference = registers("linux64-smp2.regs");
  reference[1].efer ^= efer::kNxe;
  const auto cpus = parse_vmstate_cpus(as_bytes(fixture("linux64-smp2.vmstate")), reference);
  ASSERT_FALSE(cpus);
  EXPECT_EQ(cpus.error().code, Errc::mismatch);
  EXPECT_THAT(cpus.error().message, HasSubstr("vCPU 1"));
}

}  // namespace
}  // namespace ringside::guest::x86
