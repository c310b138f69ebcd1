// SPDX-License-Identifier: Apache-2.0
// What the memory of BPF and the trampolines of ftrace must hold, on bytes alone.
#include "guest/linux/pages/bpf_code.h"
#include "guest/linux/pages/ftrace_trampoline.h"
#include "guest/linux/pages/kprobe_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace ringside::guest::linux {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

constexpr Gva kPack{0xffffffffc0200000};

class PackOfBpf : public ::testing::Test {
 protected:
  PackOfBpf() {
    pack.first = kPack;
    pack.size = 2 * kPageSize;
    pack.bitmap = {0, 0};
    bytes.assign(pack.size, std::byte{0xcc});
  }
  /// A program of 100 bytes in the chunks 2 and 3: header, filler, code, filler.
  void add_program() {
    pack.bitmap[0] |= 0b1100;
    bytes[128] = std::byte{128};
    std::fill_n(bytes.begin() + 136, 100, std::byte{0x90});
    extents.push_back({kPack + 128, 128, {{kPack + 128, 4}, {kPack + 136, 100}}});
    bytes[129] = bytes[130] = bytes[131] = std::byte{0};
  }
  std::optional<std::string> wrong() {
    const auto fault = wrong_in_pack(pack, bytes, extents);
    return fault ? std::optional(fault->what) : std::nullopt;
  }

  BpfPack pack;
  Bytes bytes;
  std::vector<BpfExtent> extents;
};

TEST_F(PackOfBpf, IsFineWithProgramsAndFiller) {
  EXPECT_EQ(wrong(), std::nullopt);
  add_program();
  EXPECT_EQ(wrong(), std::nullopt);
}

TEST_F(PackOfBpf, MayHaveBeenMadeForADispatcher) {
  bytes.assign(pack.size, std::byte{0});
  EXPECT_EQ(wrong(), std::nullopt);
  add_program();
  EXPECT_EQ(wrong(), std::nullopt);
  bytes[4096] = std::byte{0xe9};
  EXPECT_THAT(wrong(), Optional(HasSubstr("code at " + to_string(kPack + 4096))));
}

TEST_F(PackOfBpf, HoldsNothingWhereNoProgramIs) {
  add_program();
  for (const std::size_t offset : {0u, 127u, 132u, 135u, 236u, 255u, 256u, 8191u}) {
    bytes[offset] = std::byte{0xe9};
    EXPECT_THAT(wrong(), Optional(HasSubstr("code at " + to_string(kPack + offset)))) << offset;
    bytes[offset] = std::byte{0xcc};
  }
  EXPECT_EQ(wrong(), std::nullopt);
}

TEST_F(PackOfBpf, MayHaveRoomForAProgramThatIsNotThereYet) {
  add_program();
  pack.bitmap[1] |= 0b11;
  EXPECT_EQ(wrong(), std::nullopt) << "as it was wiped";
  const std::size_t header = 64 * 64;
  bytes[header] = std::byte{100};
  bytes[header + 1] = bytes[header + 2] = bytes[header + 3] = std::byte{0};
  EXPECT_EQ(wrong(), std::nullopt) << "with the size of what will stand there";
  bytes[header] = std::byte{129};
  EXPECT_THAT(wrong(), Optional(HasSubstr("is given away"))) << "more than there is room for";
  bytes[header] = std::byte{100};
  bytes[header + 4] = std::byte{0xe9};
  EXPECT_THAT(wrong(), Optional(HasSubstr("is given away"))) << "with code";
}

TEST_F(PackOfBpf, GivesNoChunkWithCodeToNobody) {
  add_program();
  pack.bitmap[1] |= 1;
  bytes[64 * 64 + 8] = std::byte{0xe9};
  EXPECT_THAT(wrong(), Optional(HasSubstr("the chunk at " + to_string(kPack + 64 * 64) + " is given away")));
  extents.clear();
  pack.bitmap[1] = 0;
  EXPECT_THAT(wrong(), Optional(HasSubstr("the chunk at " + to_string(kPack + 128))));
}

TEST_F(PackOfBpf, IsJudgedWithinItsBoundsWhateverExtentsSay) {
  extents.push_back({kPack + 64, ~std::uint64_t{0}, {{kPack + 64, ~std::uint64_t{0}}}});
  extents.push_back({kPack + pack.size, 64, {{Gva{kPack.value - 1}, 64}}});
  EXPECT_EQ(wrong(), std::nullopt);
  pack.bitmap.clear();
  EXPECT_EQ(wrong(), std::nullopt);
}

constexpr Gva kOriginal{0xffffffff81060000}, kCopy{0xffffffffc0300000}, kTracer{0xffffffff81100000},
    kThunk{0xffffffff81e00000};

class TrampolineOfFtrace : public ::testing::Test {
 protected:
  TrampolineOfFtrace() {
    original.start = kOriginal;
    original.code.assign(64, std::byte{0x90});
    original.call = 40;
    original.op = 20;
    put(original.code, 20, {0x48, 0x8b, 0x15, 1, 2, 3, 4});
    put(original.code, 40, {0xe8, 0, 0, 0, 0});
    put(original.code, 50, {0x75, 0x10});
    targets.is_code = [](Gva gva) { return gva == kTracer; };
    targets.is_return_thunk = [](Gva gva) { return gva == kThunk; };
    copy = original.code;
    copy.resize(64 + 5 + 8);
    relative(20, 7, kCopy + 69);
    copy[40] = std::byte{0xe8};
    relative(40, 5, kTracer);
    copy[64] = std::byte{0xe9};
    relative(64, 5, kThunk);
  }
  static void put(Bytes& into, std::size_t at, std::initializer_list<unsigned> bytes) {
    for (const unsigned byte : bytes) into[at++] = std::byte{static_cast<std::uint8_t>(byte)};
  }
  /// Points the displacement at the end of the instruction to `to`.
  void relative(std::size_t at, std::size_t size, Gva to) {
    const auto displacement = static_cast<std::uint32_t>(to.value - (kCopy.value + at + size));
    std::memcpy(copy.data() + at + size - 4, &displacement, 4);
  }
  auto wrong() { return wrong_in_trampoline(copy, kCopy, original, targets); }

  TrampolineOriginal original;
  TrampolineTargets targets;
  Bytes copy;
};

TEST_F(TrampolineOfFtrace, IsACopyWithPatches) {
  EXPECT_EQ(wrong(), std::nullopt);
}

TEST_F(TrampolineOfFtrace, MayEndWithAReturn) {
  put(copy, 64, {0xc3, 0xcc, 0xcc, 0xcc, 0xcc});
  EXPECT_EQ(wrong(), std::nullopt);
  put(copy, 66, {0x90});
  EXPECT_THAT(wrong(), Optional(HasSubstr("behind the return")));
}

TEST_F(TrampolineOfFtrace, HasNoShortJump) {
  original.jump = 50;
  EXPECT_THAT(wrong(), Optional(HasSubstr("no no-operation")));
  put(copy, 50, {0x66, 0x90});
  EXPECT_EQ(wrong(), std::nullopt);
}

TEST_F(TrampolineOfFtrace, MovesOperandsThatAreRelative) {
  put(original.code, 4, {0x65, 0x48, 0xc1, 0x3d, 0x10, 0x20, 0x30, 0x00});
  copy[4] = original.code[4], copy[5] = original.code[5], copy[6] = original.code[6],
  copy[7] = original.code[7];
  const auto moved = 0x00302010u + static_cast<std::uint32_t>(kOriginal.value - kCopy.value);
  std::memcpy(copy.data() + 8, &moved, 4);
  EXPECT_EQ(wrong(), std::nullopt);
  copy[8] = copy[8] ^ std::byte{1};
  EXPECT_THAT(wrong(), Optional(HasSubstr("differs")));
}

TEST_F(TrampolineOfFtrace, DiffersNowhereElse) {
  for (const std::size_t offset : {0u, 19u, 27u, 39u, 45u, 63u}) {
    copy[offset] = copy[offset] ^ std::byte{0xff};
    EXPECT_THAT(wrong(), Optional(HasSubstr("at " + to_string(kCopy + offset)))) << offset;
    copy[offset] = copy[offset] ^ std::byte{0xff};
  }
}

TEST_F(TrampolineOfFtrace, CallsAndEndsInKnownCodeOnly) {
  relative(40, 5, kTracer + 1);
  EXPECT_THAT(wrong(), Optional(HasSubstr("no call of a function")));
  relative(40, 5, kTracer);
  relative(64, 5, kTracer);
  EXPECT_THAT(wrong(), Optional(HasSubstr("no return")));
  relative(64, 5, kThunk);
  relative(20, 7, kCopy);
  EXPECT_THAT(wrong(), Optional(HasSubstr("its own ftrace_ops")));
}

TEST_F(TrampolineOfFtrace, MayBeCutOffAnywhere) {
  const Bytes whole = copy;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    copy.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(wrong(), std::nullopt);
    trampoline_owner(copy);
  }
  copy = whole;
  original.call = 62;
  EXPECT_NE(wrong(), std::nullopt);
}

constexpr Gva kProbed{0xffffffff81234567}, kSlot{0xffffffffc0500010};

class SlotOfAKprobe : public ::testing::Test {
 protected:
  /// mov 0x10203040(%rip), %rax, and a jump back.
  SlotOfAKprobe() {
    original.at = kProbed;
    original.boosted = true;
    for (const unsigned byte : {0x48u, 0x8bu, 0x05u, 0x40u, 0x30u, 0x20u, 0x10u})
      original.bytes.push_back(std::byte{static_cast<std::uint8_t>(byte)});
    slot.assign(16, std::byte{0});
    std::copy(original.bytes.begin(), original.bytes.end(), slot.begin());
    put(3, 0x10203040u + static_cast<std::uint32_t>(kProbed.value - kSlot.value));
    slot[7] = std::byte{0xe9};
    put(8, static_cast<std::uint32_t>(kProbed.value + 7 - (kSlot.value + 12)));
  }
  void put(std::size_t at, std::uint32_t value) { std::memcpy(slot.data() + at, &value, 4); }
  auto wrong() { return wrong_in_slot(slot, kSlot, original); }

  ProbedInstruction original;
  Bytes slot;
};

TEST_F(SlotOfAKprobe, IsACopyThatJumpsBackOrStops) {
  EXPECT_EQ(wrong(), std::nullopt);
  slot[7] = std::byte{0xcc};
  EXPECT_EQ(wrong(), std::nullopt);
}

TEST_F(SlotOfAKprobe, HoldsNoOtherInstruction) {
  for (const std::size_t offset : {0u, 1u, 3u, 6u, 7u, 8u, 11u}) {
    slot[offset] = slot[offset] ^ std::byte{0x20};
    EXPECT_THAT(wrong(), Optional(HasSubstr("no copy of the instruction"))) << offset;
    slot[offset] = slot[offset] ^ std::byte{0x20};
  }
}

TEST_F(SlotOfAKprobe, IsComparedWithWhatADetourCoversToo) {
  // The detour is written: what stands at the place is a jump, the instruction is kept beside.
  original.kept = original.bytes;
  for (std::size_t i = 1; i < 5; ++i) original.bytes[i] = std::byte{0x11};
  EXPECT_EQ(wrong(), std::nullopt);
  // It waits to be written: nothing is kept yet.
  std::swap(original.kept, original.bytes);
  EXPECT_EQ(wrong(), std::nullopt);
  original.bytes = original.kept;
  EXPECT_THAT(wrong(), Optional(HasSubstr("no copy of the instruction")));
}

TEST_F(SlotOfAKprobe, MayEndAnyhowWhereItIsSingleStepped) {
  original.boosted = false;
  slot[7] = std::byte{0x90};
  EXPECT_NE(wrong(), std::nullopt);
  original.may_end_so = true;
  EXPECT_EQ(wrong(), std::nullopt);
}

TEST_F(SlotOfAKprobe, MayBeTooShort) {
  for (const std::size_t size : {0u, 3u, 6u}) {
    slot.resize(size);
    EXPECT_NE(wrong(), std::nullopt);
  }
  slot.assign(16, std::byte{0});
  original.bytes.clear();
  EXPECT_NE(wrong(), std::nullopt);
}

}  // namespace
}  // namespace ringside::guest::linux
