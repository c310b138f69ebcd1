// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/physical_memory.h"

#include "tests/unit/support/fake_memory.h"

#include <gtest/gtest.h>

namespace ringside::guest::memory {
namespace {

using testing::FakeMemory;

/// RAM [0, 0x3000), ROM [0x3000, 0x4000), a hole, RAM [0x10000, 0x11000), RAM at the top of the address
/// space.
MemoryMap map_with_holes() {
  return MemoryMap::create({{Gpa{0}, 0x3000, MemoryRange::Kind::ram, "pc.ram", 0, {}},
                            {Gpa{0x3000}, 0x1000, MemoryRange::Kind::rom, "pc.rom", 0, {}},
                            {Gpa{0x10000}, 0x1000, MemoryRange::Kind::ram, "dimm", 0, {}},
                            {Gpa{0xfffffffffffff000}, 0xfff, MemoryRange::Kind::ram, "top", 0, {}}})
      .value();
}

TEST(PhysicalMemory, ReadsInsideOneRangeAreOnePiece) {
  FakeMemory memory(map_with_holes());
  memory.put(Gpa{0x1ffc}, std::uint64_t{0x1122334455667788});
  std::uint64_t value = 0;
  ASSERT_TRUE(memory.read(Gpa{0x1ffc}, std::as_writable_bytes(std::span(&value, 1))));
  EXPECT_EQ(value, 0x1122334455667788u);
  EXPECT_EQ(memory.pieces(), 1u);
}

TEST(PhysicalMemory, ReadsThatCrossARangeBorderAreSplitThere) {
  FakeMemory memory(map_with_holes());
  memory.put(Gpa{0x2ffc}, std::uint64_t{0x1122334455667788});
  std::uint64_t value = 0;
  ASSERT_TRUE(memory.read(Gpa{0x2ffc}, std::as_writable_bytes(std::span(&value, 1))));
  EXPECT_EQ(value, 0x1122334455667788u);
  EXPECT_EQ(memory.pieces(), 2u);
  EXPECT_EQ(memory.calls(), 1u);
}

TEST(PhysicalMemory, AByteThatIsNoMemoryFailsTheReadBeforeTheBackendSeesIt) {
  FakeMemory memory(map_with_holes());
  Bytes into(0x20);
  for (const Gpa gpa : {Gpa{0x3ff0}, Gpa{0x4000}, Gpa{0xfff0}, Gpa{0x8000000000000000}}) {
    const auto read = memory.read(gpa, into);
    ASSERT_FALSE(read) << to_string(gpa);
    EXPECT_EQ(read.error().code, Errc::not_ram);
  }
  EXPECT_EQ(memory.calls(), 0u);
}

TEST(PhysicalMemory, ReadsNeverWrapAroundTheTopOfTheAddressSpace) {
  FakeMemory memory(map_with_holes());
  Bytes into(0x20);
  EXPECT_TRUE(memory.read(Gpa{0xffffffffffffffdf}, into));
  for (const Gpa gpa : {Gpa{0xffffffffffffffe0}, Gpa{0xfffffffffffffff0}, Gpa{0xffffffffffffffff}}) {
    const auto read = memory.read(gpa, into);
    ASSERT_FALSE(read) << to_string(gpa);
    EXPECT_EQ(read.error().code, Errc::not_ram);
  }
}

TEST(PhysicalMemory, AnEmptyReadSucceedsAnywhere) {
  FakeMemory memory(map_with_holes());
  EXPECT_TRUE(memory.read(Gpa{0x8000}, {}));
  ReadRequest request{Gpa{0x8000}, {}};
  memory.read(std::span(&request, 1));
  EXPECT_FALSE(request.error);
  EXPECT_EQ(memory.calls(), 0u);
}

TEST(PhysicalMemory, AScatterReadFailsByRequestAndIsOneCall) {
  FakeMemory memory(map_with_holes());
  memory.put(Gpa{0x1000}, std::uint32_t{0xabcd});
  memory.fail_page(Gpa{0x10000}, {Errc::gone, "unplugged"});
  Bytes a(4), b(4), c(4), d(0x2000);
  std::vector<ReadRequest> requests;
  requests.push_back({Gpa{0x1000}, a});
  requests.push_back({Gpa{0x9000}, b});
  requests.push_back({Gpa{0x10010}, c});
  requests.push_back({Gpa{0x2000}, d});
  memory.read(requests);
  EXPECT_FALSE(requests[0].error);
  EXPECT_EQ(load_le<std::uint32_t>(a), 0xabcdu);
  ASSERT_TRUE(requests[1].error);
  EXPECT_EQ(requests[1].error->code, Errc::not_ram);
  EXPECT_NE(requests[1].error->message.find("0x0000000000009000"), std::string::npos);
  ASSERT_TRUE(requests[2].error);
  EXPECT_EQ(requests[2].error->code, Errc::gone);
  EXPECT_FALSE(requests[3].error);
  EXPECT_EQ(memory.calls(), 1u);
}

TEST(PhysicalMemory, AnErrorOfAnEarlierReadDoesNotStick) {
  FakeMemory memory(map_with_holes());
  memory.fail_all({Errc::gone, "gone"});
  Bytes into(4);
  ReadRequest request{Gpa{0}, into};
  memory.read(std::span(&request, 1));
  ASSERT_TRUE(request.error);
  memory.heal();
  memory.read(std::span(&request, 1));
  EXPECT_FALSE(request.error);
}

}  // namespace
}  // namespace ringside::guest::memory
