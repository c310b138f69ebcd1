// SPDX-License-Identifier: Apache-2.0
#include "guest/live/msr_calibration.h"

#include "guest/live/calibration_store.h"
#include "guest/live/qemu_process.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ringside::guest::live {
namespace {

constexpr std::size_t kMsrsAt = 10952;  // as in QEMU 7.2
constexpr std::size_t kEferAt = 264;

void put(Bytes& bytes, std::size_t at, std::uint64_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
void put_word(Bytes& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

x86::CpuState linux_cpu(unsigned index) {
  x86::CpuState cpu;
  cpu.index = index;
  cpu.gdt = {Gva{0xfffffe0000001000 + index * 0x3b000ull}, 0x7f};
  cpu.idt = {Gva{0xfffffe0000000000}, 0xfff};
  cpu.tr.base = 0xfffffe0000003000 + index * 0x3b000ull;
  cpu.cr0 = 0x80050033;
  cpu.cr3 = 0x1f7e000;
  cpu.cr4 = 0x3506f0;
  cpu.efer = 0xd01;
  cpu.msrs = x86::Msrs{.star = 0x0023001000000000,
                       .lstar = 0xffffffff81c00080,
                       .cstar = 0xffffffff81c01870,
                       .sfmask = 0x257fd5,
                       .sysenter_cs = 0x10,
                       .sysenter_esp = 0xfffffe0000003000 + index * 0x3b000ull,
                       .sysenter_eip = 0xffffffff81c017b0,
                       .kernel_gs_base = 0};
  return cpu;
}

/// CPUX86State as QEMU 7.2 lays it out, from kViewLead bytes before gdt.base.
void put_state(Bytes& memory, std::size_t at, const x86::CpuState& cpu) {
  put(memory, at + 0, cpu.ldt.base);
  put(memory, at + 24, cpu.tr.base);
  put(memory, at + 48, cpu.gdt.base.value);
  put_word(memory, at + 56, cpu.gdt.limit);
  put(memory, at + 72, cpu.idt.base.value);
  put_word(memory, at + 80, cpu.idt.limit);
  put(memory, at + 88, cpu.cr0);
  put(memory, at + 112, cpu.cr3);
  put(memory, at + 120, cpu.cr4);
  put(memory, at + kEferAt, cpu.efer);
  const x86::Msrs& msrs = *cpu.msrs;
  put_word(memory, at + kMsrsAt, static_cast<std::uint32_t>(msrs.sysenter_cs));
  put(memory, at + kMsrsAt + 8, msrs.sysenter_esp);
  put(memory, at + kMsrsAt + 16, msrs.sysenter_eip);
  put(memory, at + kMsrsAt + 24, msrs.star);
  put(memory, at + kMsrsAt + 32, 0x76543210);  // vm_hsave
  put(memory, at + kMsrsAt + 40, msrs.lstar);
  put(memory, at + kMsrsAt + 48, msrs.cstar);
  put(memory, at + kMsrsAt + 56, msrs.sfmask);
  put(memory, at + kMsrsAt + 64, msrs.kernel_gs_base);
}

using x86::Emulator;

Result<MsrLayout> learn(const std::vector<Bytes>& views, const std::vector<x86::CpuState>& cpus) {
  return learn_layout(views, cpus, Emulator::x86_64);
}
Result<x86::Msrs> extract(const Bytes& view, const MsrLayout& layout, const x86::CpuState& cpu) {
  return extract_msrs(view, layout, cpu, Emulator::x86_64);
}

constexpr std::uint64_t kHeap = 0x55d000000000;
constexpr std::size_t kFirst = 0x1230, kSecond = 0x8008;

class MsrCalibration : public ::testing::Test {
 protected:
  MsrCalibration() {
    put_state(heap, kFirst, cpus[0]);
    put_state(heap, kSecond, cpus[1]);
  }
  Result<std::vector<std::uint64_t>> find() {
    std::vector<std::vector<std::uint64_t>> matches;
    find_cpu_views(heap, kHeap, cpus, Emulator::x86_64, matches);
    return unambiguous(matches);
  }
  std::vector<Bytes> views() const {
    const auto view = [this](std::size_t at) {
      return Bytes(heap.begin() + static_cast<std::ptrdiff_t>(at),
                   heap.begin() + static_cast<std::ptrdiff_t>(at + 0x4000));
    };
    return {view(kFirst), view(kSecond)};
  }

  std::vector<x86::CpuState> cpus{linux_cpu(0), linux_cpu(1)};
  Bytes heap = Bytes(0x10000);
};

TEST_F(MsrCalibration, FindsEachVcpuByItsTables) {
  const auto found = find();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, (std::vector<std::uint64_t>{kHeap + kFirst, kHeap + kSecond}));
}

TEST_F(MsrCalibration, FindsOneTwiceSeenInOverlappingReadsOnce) {
  std::vector<std::vector<std::uint64_t>> matches;
  find_cpu_views(heap, kHeap, cpus, Emulator::x86_64, matches);
  find_cpu_views(ByteView(heap).subspan(0x1000), kHeap + 0x1000, cpus, Emulator::x86_64, matches);
  EXPECT_TRUE(unambiguous(matches));
}

TEST_F(MsrCalibration, ACopyMakesItAmbiguous) {
  put_state(heap, 0xc000, cpus[1]);
  EXPECT_EQ(find().error().code, Errc::unavailable);
}

TEST_F(MsrCalibration, AMissingVcpuIsUnavailable) {
  put(heap, kSecond + 48, 0x1000);
  EXPECT_EQ(find().error().code, Errc::unavailable);
}

TEST_F(MsrCalibration, VcpusThatLookAlikeCannotBeTold) {
  cpus[1] = cpus[0];
  cpus[1].index = 1;
  EXPECT_EQ(find().error().code, Errc::unavailable);
}

TEST_F(MsrCalibration, AShortHeapHoldsNothing) {
  heap.resize(kFingerprintSize - 1);
  EXPECT_FALSE(find());
  heap.clear();
  EXPECT_FALSE(find());
  std::vector<std::vector<std::uint64_t>> none;
  EXPECT_FALSE(unambiguous(none));
}

TEST_F(MsrCalibration, LearnsWhereTheMsrsStand) {
  const auto layout = learn(views(), cpus);
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(*layout, (MsrLayout{kMsrsAt, kEferAt}));
}

TEST_F(MsrCalibration, ReadsBackWhatItLearnedFrom) {
  const MsrLayout layout = *learn(views(), cpus);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(*extract(views()[i], layout, cpus[i]), *cpus[i].msrs);
}

TEST_F(MsrCalibration, FollowsAChangedEntryPoint) {
  const MsrLayout layout = *learn(views(), cpus);
  put(heap, kFirst + kMsrsAt + 40, 0xffffffffc0001000);
  EXPECT_EQ(extract(views()[0], layout, cpus[0])->lstar, 0xffffffffc0001000);
}

TEST_F(MsrCalibration, AnUnsetCstarIsPlacedByItsNeighbours) {
  for (std::size_t i = 0; i < 2; ++i) {
    cpus[i].msrs->cstar = 0;
    put_state(heap, i == 0 ? kFirst : kSecond, cpus[i]);
  }
  EXPECT_EQ(*learn(views(), cpus), (MsrLayout{kMsrsAt, kEferAt}));
}

TEST_F(MsrCalibration, AGuestThatHasSetNothingTeachesNothing) {
  for (std::uint64_t x86::Msrs::*field : {&x86::Msrs::star, &x86::Msrs::lstar, &x86::Msrs::sfmask}) {
    auto early = cpus;
    (*early[1].msrs).*field = 0;
    early[1].msrs->sysenter_cs = 0;
    EXPECT_EQ(learn(views(), early).error().code, Errc::unavailable);
  }
  cpus[0].msrs.reset();
  EXPECT_EQ(learn(views(), cpus).error().code, Errc::unavailable);
}

TEST_F(MsrCalibration, AKernelOf32BitsHasSetSysenterAlone) {
  for (std::size_t i = 0; i < 2; ++i) {
    x86::Msrs& msrs = *cpus[i].msrs;
    msrs = {.sysenter_cs = 0x60, .sysenter_esp = 0xff407000 + i * 0x3b000, .sysenter_eip = 0xcb7f0a54};
    put_state(heap, i == 0 ? kFirst : kSecond, cpus[i]);
  }
  const auto layout = learn(views(), cpus);
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(*layout, (MsrLayout{kMsrsAt, kEferAt}));
  EXPECT_EQ(extract(views()[1], *layout, cpus[1])->sysenter_eip, 0xcb7f0a54u);

  cpus[0].msrs->sysenter_esp = 0;
  put_state(heap, kFirst, cpus[0]);
  EXPECT_EQ(learn(views(), cpus).error().code, Errc::unavailable);
}

TEST(MsrCalibrationOf32Bits, FindsVcpusAndLearnsByNarrowerFields) {
  constexpr std::size_t kAt = 0x1234, kMsrs = 7364, kEfer = 176;
  x86::CpuState cpu;
  cpu.gdt = {Gva{0xff401000}, 0xff};
  cpu.idt = {Gva{0xff400000}, 0x7ff};
  cpu.tr.base = 0xff406000;
  cpu.cr0 = 0x80050033;
  cpu.cr4 = 0x350ef0;
  cpu.efer = 0x800;
  cpu.msrs = x86::Msrs{.sysenter_cs = 0x60, .sysenter_esp = 0xff407000, .sysenter_eip = 0xc97f0a54};
  Bytes heap(0x4000);
  // CPUX86State from the base of ldt on: four descriptors of 16 bytes, then the control registers.
  for (const auto& [offset, value] :
       std::initializer_list<std::pair<std::size_t, std::uint64_t>>{{16, cpu.tr.base},
                                                                    {32, cpu.gdt.base.value},
                                                                    {36, cpu.gdt.limit},
                                                                    {48, cpu.idt.base.value},
                                                                    {52, cpu.idt.limit},
                                                                    {60, cpu.cr0},
                                                                    {68, 0x9a84e2c},  // CR2
                                                                    {72, 0x1c6d3e0},
                                                                    {76, cpu.cr4},
                                                                    {kMsrs, cpu.msrs->sysenter_cs},
                                                                    {kMsrs + 4, cpu.msrs->sysenter_esp},
                                                                    {kMsrs + 8, cpu.msrs->sysenter_eip}})
    put_word(heap, kAt + offset, static_cast<std::uint32_t>(value));
  put(heap, kAt + kEfer, cpu.efer);

  std::vector<std::vector<std::uint64_t>> matches;
  find_cpu_views(heap, kHeap, std::span(&cpu, 1), Emulator::i386, matches);
  EXPECT_EQ(unambiguous(matches).value(), std::vector<std::uint64_t>{kHeap + kAt});
  matches.clear();
  find_cpu_views(heap, kHeap, std::span(&cpu, 1), Emulator::x86_64, matches);
  EXPECT_FALSE(unambiguous(matches));

  Bytes view(heap.begin() + kAt, heap.end());
  const auto layout = learn_layout(std::span(&view, 1), std::span(&cpu, 1), Emulator::i386);
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_EQ(*layout, (MsrLayout{kMsrs, kEfer}));
  put_word(view, kMsrs + 8, 0xd0001000);  // what enters the kernel now
  EXPECT_EQ(extract_msrs(view, *layout, cpu, Emulator::i386).value(),
            (x86::Msrs{.sysenter_cs = 0x60, .sysenter_esp = 0xff407000, .sysenter_eip = 0xd0001000}));
  view[48] ^= std::byte{1};
  EXPECT_EQ(extract_msrs(view, *layout, cpu, Emulator::i386).error().code, Errc::mismatch);
}

TEST_F(MsrCalibration, OneVcpuThatDisagreesIsEnoughToRefuse) {
  cpus[1].msrs->sysenter_esp ^= 8;
  EXPECT_EQ(learn(views(), cpus).error().code, Errc::unavailable);
}

TEST_F(MsrCalibration, TwoPlacesThatFitAreNone) {
  for (const std::size_t state : {kFirst, kSecond})
    std::copy_n(heap.begin() + static_cast<std::ptrdiff_t>(state + kMsrsAt), kMsrsSize,
                heap.begin() + static_cast<std::ptrdiff_t>(state + 0x1000));
  EXPECT_EQ(learn(views(), cpus).error().code, Errc::unavailable);
}

TEST_F(MsrCalibration, AnEferThatIsNotUniqueIsNotCheckedButTheRestIs) {
  put(heap, kFirst + 0x200, cpus[0].efer);
  put(heap, kSecond + 0x200, cpus[1].efer);
  EXPECT_EQ(*learn(views(), cpus), (MsrLayout{kMsrsAt, std::nullopt}));
}

TEST_F(MsrCalibration, ShortViewsTeachNothing) {
  auto cut = views();
  cut[1].resize(kMsrsAt + 8);
  EXPECT_FALSE(learn(cut, cpus));
  cut[1].clear();
  EXPECT_FALSE(learn(cut, cpus));
  EXPECT_FALSE(learn({}, {}));
}

TEST_F(MsrCalibration, AnythingElseBesideItIsAMismatch) {
  const MsrLayout layout = *learn(views(), cpus);
  for (const std::size_t changed :
       {std::size_t{0}, std::size_t{24}, std::size_t{48}, std::size_t{56}, std::size_t{72}, std::size_t{80},
        std::size_t{88}, std::size_t{120}, kEferAt}) {
    auto view = views()[0];
    view[changed] ^= std::byte{0x10};
    EXPECT_EQ(extract(view, layout, cpus[0]).error().code, Errc::mismatch) << changed;
  }
}

TEST_F(MsrCalibration, TaskSwitchesAndTlbFlushesAreNoMismatch) {
  const MsrLayout layout = *learn(views(), cpus);
  put(heap, kFirst + 112, 0xabc000);        // CR3
  put(heap, kFirst + 88, cpus[0].cr0 ^ 8);  // CR0.TS
  put(heap, kFirst + 120, cpus[0].cr4 ^ x86::cr4::kPge);
  EXPECT_TRUE(extract(views()[0], layout, cpus[0]));
}

TEST_F(MsrCalibration, ALayoutBeyondTheViewIsRefused) {
  for (const std::uint32_t at : {0x4000u, 0x3ff8u, 0xfffffff8u})
    EXPECT_EQ(extract(views()[0], {at, std::nullopt}, cpus[0]).error().code, Errc::out_of_bounds);
}

TEST(CalibrationStore, KeepsLayoutsByBuildAndAddressesByProcess) {
  ringside::testing::TemporaryDirectory folder;
  const auto self = *process_start(::getpid());
  {
    CalibrationStore store(folder.path().string());
    EXPECT_FALSE(store.layout("abc"));
    store.keep_layout("abc", {10952, 264});
    store.keep_layout("def", {10952, std::nullopt});
    store.keep_addresses(::getpid(), self, {1, 2});
  }
  CalibrationStore store(folder.path().string());
  EXPECT_EQ(store.layout("abc"), (MsrLayout{10952, 264}));
  EXPECT_EQ(store.layout("def"), (MsrLayout{10952, std::nullopt}));
  EXPECT_FALSE(store.layout("ghi"));
  EXPECT_EQ(store.addresses(::getpid(), self), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(store.addresses(::getpid(), self + 1).empty());
}

TEST(CalibrationStore, DropsEndedProcesses) {
  ringside::testing::TemporaryDirectory folder;
  const auto self = *process_start(::getpid());
  CalibrationStore store(folder.path().string());
  store.keep_addresses(::getpid(), self - 1, {1});  // no such process
  store.keep_addresses(::getpid(), self, {2});
  EXPECT_TRUE(store.addresses(::getpid(), self - 1).empty());
}

TEST(CalibrationStore, NonsenseCountsAsNothing) {
  ringside::testing::TemporaryDirectory folder;
  CalibrationStore store(folder.path().string());
  std::filesystem::create_directory(folder.file("msr-calibration"));
  for (const char* text :
       {"", "{", "[]", R"({"msrs":-1})", R"({"msrs":"x"})", R"({"msrs":99999999999})", R"({"msrs":0})"}) {
    std::ofstream(folder.file("msr-calibration/build-abc"), std::ios::trunc) << text;
    EXPECT_FALSE(store.layout("abc")) << text;
  }
  for (const char* text : {"", R"({"views":7})", R"({"views":["x"]})", R"({"views":[-1]})"}) {
    std::ofstream(folder.file("msr-calibration/process-1-2"), std::ios::trunc) << text;
    EXPECT_TRUE(store.addresses(1, 2).empty()) << text;
  }
}

}  // namespace
}  // namespace ringside::guest::live
