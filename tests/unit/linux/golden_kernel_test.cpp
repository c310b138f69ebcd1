// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/kernel_reference.h"
#include "tests/unit/support/golden_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::explained_at;
using testing::FakeKernel;
using testing::GoldenWorld;

constexpr std::uint64_t kReturnThunk = GoldenWorld::kText + 0xf00, kThunkRax = GoldenWorld::kText + 0xf40,
                        kThunkR11 = GoldenWorld::kText + 0xf60;

/// The world, the guest that runs it, and the comparison of the two.
class GoldenKernelText : public ::testing::Test {
 protected:
  void boot() {
    golden_ = GoldenKernel::parse(world_.payload()).value();
    kernel_ = world_.boot(*golden_);
    const auto define = [&](const char* name, std::uint64_t address) {
      kernel_->define(name, Gva{address + GoldenWorld::kSlide}, 'T');
    };
    define("_text", GoldenWorld::kText);
    define("__x86_return_thunk", kReturnThunk);
    define("__x86_indirect_thunk_rax", kThunkRax);
    define("__x86_indirect_thunk_r11", kThunkR11);
    kernel_->put(kernel_->define_variable("uniproc_patched", 1), std::uint8_t{0});
  }
  /// What explain() says if the guest holds `hex` at `offset` of its text.
  std::optional<std::string> explained(std::uint64_t offset, const std::string& hex) {
    boot();
    const Bytes bytes = from_hex(hex).value();
    const Gva at{GoldenWorld::kText + GoldenWorld::kSlide + offset};
    kernel_->memory().write(Gpa{at.value}, bytes);
    const auto reference = GoldenKernelReference::create(*kernel_, golden_).value();
    return explained_at(*reference, at, bytes);
  }
  static std::string branch_hex(std::uint8_t opcode, std::uint64_t from, std::uint64_t to) {
    Bytes code(5, std::byte{opcode});
    const auto distance = static_cast<std::uint32_t>(to - from - 5);
    std::memcpy(&code[1], &distance, 4);
    return to_hex(code);
  }
  std::uint64_t at(std::uint64_t offset) const { return GoldenWorld::kText + offset; }

  GoldenWorld world_;
  std::shared_ptr<const GoldenKernel> golden_;
  std::unique_ptr<FakeKernel> kernel_;
};

TEST_F(GoldenKernelText, IsMovedAsTheBootCodeMovesIt) {
  GoldenWorld::put_hex(world_.text, 0x10, "00000001");
  GoldenWorld::put_hex(world_.text, 0xffc, "40302010");
  world_.moved32 = {0x1000010};
  world_.rodata.resize(0x400);
  GoldenWorld::put_hex(world_.rodata, 0x8, "1000000100000000");
  world_.moved64 = {0x1002008};
  boot();
  const auto reference = GoldenKernelReference::create(*kernel_, golden_).value();
  const Gva text = reference->text().first;
  EXPECT_EQ(text.value, GoldenWorld::kText + GoldenWorld::kSlide);
  EXPECT_EQ(to_hex(reference->bytes(text + 0x10, 4).value()), "00002001");
  // A read that starts or ends inside of a moved word.
  EXPECT_EQ(to_hex(reference->bytes(text + 0x12, 2).value()), "2001");
  EXPECT_EQ(to_hex(reference->bytes(text + 0x0f, 4).value()), "cc000020");
  EXPECT_EQ(reference->bytes(text + 0xffd, 4).error().code, Errc::out_of_bounds);
  EXPECT_EQ(reference->source(), "golden");
}

TEST_F(GoldenKernelText, LeavesOutWhatIsWrittenDuringBoot) {
  boot();
  const Gva rodata{GoldenWorld::kRodata + GoldenWorld::kSlide};
  kernel_->define("__start_ro_after_init", rodata + 0x200);
  kernel_->define("__end_ro_after_init", rodata + 0x300);
  const auto reference = GoldenKernelReference::create(*kernel_, golden_).value();
  EXPECT_FALSE(reference->problem());
  ASSERT_EQ(reference->ranges().size(), 3u);
  EXPECT_EQ(reference->ranges()[1].end, rodata + 0x200);
  EXPECT_EQ(reference->ranges()[2].first, rodata + 0x300);
  EXPECT_FALSE(reference->bytes(rodata + 0x1ff, 2));
}

TEST_F(GoldenKernelText, SaysSoWhereItIsNotKnownWhatThatIs) {
  boot();
  const auto reference = GoldenKernelReference::create(*kernel_, golden_).value();
  ASSERT_TRUE(reference->problem());
  // What follows .rodata proper can be compared all the same.
  ASSERT_EQ(reference->rodata().size(), 1u);
  EXPECT_EQ(reference->rodata()[0].first.value, GoldenWorld::kRodata + GoldenWorld::kSlide + 0x400);
}

TEST_F(GoldenKernelText, IsNotThatOfAnotherBuild) {
  boot();
  kernel_->mutable_identity().build_id = "ff";
  EXPECT_EQ(GoldenKernelReference::create(*kernel_, golden_).error().code, Errc::mismatch);
}

TEST_F(GoldenKernelText, AReturnIsAReturnOrGoesToAThunk) {
  GoldenWorld::put_hex(world_.text, 0x100, branch_hex(0xe9, at(0x100), kReturnThunk));
  world_.add_site(world_.return_sites, GoldenWorld::kTables + 0x1000, at(0x100));
  EXPECT_EQ(explained(0x100, "c3cccccccc"), "return thunks");
  EXPECT_EQ(explained(0x100, "c3cccccc90"), std::nullopt);
  EXPECT_EQ(explained(0x100, branch_hex(0xe9, at(0x100), at(0x800))), std::nullopt);
}

TEST_F(GoldenKernelText, AChangeOutsideOfAllPlacesIsNotExplained) {
  EXPECT_EQ(explained(0x180, "c3"), std::nullopt);
}

TEST_F(GoldenKernelText, AReturnIsReadToItsEndInTheGuest) {
  GoldenWorld::put_hex(world_.text, 0x100, branch_hex(0xe9, at(0x100), kReturnThunk));
  world_.add_site(world_.return_sites, GoldenWorld::kTables + 0x1000, at(0x100));
  boot();
  const Gva first{at(0x100) + GoldenWorld::kSlide};
  kernel_->memory().write(Gpa{first.value}, from_hex("c3cccccccc").value());
  const auto reference = GoldenKernelReference::create(*kernel_, golden_).value();
  EXPECT_EQ(explained_at(*reference, first, from_hex("c3").value()), "return thunks");
  EXPECT_EQ(explained_at(*reference, first, from_hex("c2").value()), std::nullopt);
}

TEST_F(GoldenKernelText, ARetpolineIsAnIndirectBranchThroughTheSameRegister) {
  GoldenWorld::put_hex(world_.text, 0x200, branch_hex(0xe8, at(0x200), kThunkRax));
  GoldenWorld::put_hex(world_.text, 0x210, "2e" + branch_hex(0xe9, at(0x211), kThunkR11));
  for (const auto place : {0x200, 0x210})
    world_.add_site(world_.retpoline_sites, GoldenWorld::kTables + 0x2000,
                    at(static_cast<std::uint64_t>(place)));
  EXPECT_EQ(explained(0x200, "ffd00f1f00"), "retpolines");
  EXPECT_EQ(explained(0x200, "0faee8ffd0"), "retpolines");
  EXPECT_EQ(explained(0x200, "ffd10f1f00"), std::nullopt);  // another register
  EXPECT_EQ(explained(0x200, "ffe00f1f00"), std::nullopt);  // a jump for a call
  EXPECT_EQ(explained(0x210, "41ffe3cc6690"), "retpolines");
  EXPECT_EQ(explained(0x210, "41ffe30f1f00"), "retpolines");
  EXPECT_EQ(explained(0x210, "ffe3cc0f1f00"), std::nullopt);
}

TEST_F(GoldenKernelText, AnAlternativeIsItsOriginalOrItsReplacementRelocated) {
  // "jmp text+0x800", replaced by a call of text+0x900 from where the replacement stands.
  GoldenWorld::put_hex(world_.text, 0x300, "eb05909090909090");
  GoldenWorld::put_hex(world_.replacements, 0x10,
                       branch_hex(0xe8, GoldenWorld::kReplacements + 0x10, at(0x900)));
  world_.add_alternative(at(0x300), 8, GoldenWorld::kReplacements + 0x10, 5);
  const std::string call = branch_hex(0xe8, at(0x300), at(0x900));
  EXPECT_EQ(explained(0x300, call + "0f1f00"), "alternatives");
  EXPECT_EQ(explained(0x300, "eb05660f1f440000"), "alternatives");
  EXPECT_EQ(explained(0x300, call + "0f1f01"), std::nullopt);
  EXPECT_EQ(explained(0x300, branch_hex(0xe8, at(0x300), at(0x908)) + "0f1f00"), std::nullopt);
  EXPECT_EQ(explained(0x300, "909090eb05909090"), std::nullopt);
}

TEST_F(GoldenKernelText, AReplacementThatReturnsReturnsInTheWayOfTheOthers) {
  GoldenWorld::put_hex(world_.text, 0x300, "9090909090");
  GoldenWorld::put_hex(world_.replacements, 0x10,
                       branch_hex(0xe9, GoldenWorld::kReplacements + 0x10, kReturnThunk));
  world_.add_site(world_.return_sites, GoldenWorld::kTables + 0x1000, GoldenWorld::kReplacements + 0x10);
  world_.add_alternative(at(0x300), 5, GoldenWorld::kReplacements + 0x10, 5);
  EXPECT_EQ(explained(0x300, "c3cccccccc"), "alternatives");
  EXPECT_EQ(explained(0x300, "0f1f440000"), "alternatives");
  EXPECT_EQ(explained(0x300, "c3909090cc"), std::nullopt);
}

TEST_F(GoldenKernelText, LockPrefixesGoOnlyOnAMachineOfOneCpu) {
  GoldenWorld::put_hex(world_.text, 0x400, "f0ff00");
  world_.add_site(world_.locks, GoldenWorld::kTables + 0x3000, at(0x400));
  EXPECT_EQ(explained(0x400, "3e"), std::nullopt);
  boot();
  kernel_->put(kernel_->symbol("uniproc_patched").value(), std::uint8_t{1});
  const auto reference = GoldenKernelReference::create(*kernel_, golden_).value();
  const Gva first{at(0x400) + GoldenWorld::kSlide};
  kernel_->memory().write(Gpa{first.value}, from_hex("3e").value());
  EXPECT_EQ(explained_at(*reference, first, from_hex("3e").value()), "lock prefixes");
}

TEST(GoldenKernel, TellsWhatItIs) {
  const auto kernel = GoldenKernel::parse(GoldenWorld().payload()).value();
  EXPECT_EQ(kernel->release(), "6.1.0-fake");
  EXPECT_EQ(kernel->build_id(), GoldenWorld::kBuildId);
  EXPECT_EQ(kernel->base(), GoldenWorld::kText);
  EXPECT_TRUE(kernel->movable());
}

TEST(GoldenKernel, IsRefusedWhereverItIsCutOff) {
  const Bytes file = GoldenWorld().payload();
  for (std::size_t size = 0; size + 12 < file.size(); size += 41)
    EXPECT_FALSE(GoldenKernel::parse(ByteView(file).first(size))) << size;
}

TEST(KernelRelocations, HaveTwoListsInNewKernels) {
  Bytes tail;
  for (const std::uint32_t word : {0u, 0x81000010u, 0u, 0x81000020u, 0x81000024u})
    testing::ElfWriter::append_value(tail, word);
  const auto relocations = KernelRelocations::parse(tail, 64, 0xffffffff81000000, 0x1000).value();
  ASSERT_EQ(relocations.places().size(), 3u);
  EXPECT_EQ(relocations.places()[0].kind, KernelRelocations::Kind::add64);
  EXPECT_EQ(relocations.places()[1].offset, 0x20u);
  EXPECT_EQ(relocations.places()[1].kind, KernelRelocations::Kind::add32);
}

TEST(KernelRelocations, AreMalformedWithoutTheZeroesBetweenTheLists) {
  Bytes tail;
  for (const std::uint32_t word : {0u, 0x81000010u}) testing::ElfWriter::append_value(tail, word);
  EXPECT_EQ(KernelRelocations::parse(tail, 64, 0, 0x1000).error().code, Errc::malformed);
  EXPECT_TRUE(KernelRelocations::parse(tail, 32, 0x81000000, 0x1000));
}

}  // namespace
}  // namespace ringside::guest::linux
