// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_log.h"

#include "tests/unit/support/log_world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::LogWorld;
using State = LogWorld::State;

std::vector<std::string> texts(const Listing<LogRecord>& log) {
  std::vector<std::string> all;
  for (const auto& record : log.entries) all.push_back(record.text);
  return all;
}
std::string problems(const Listing<LogRecord>& log) {
  std::string all;
  for (const auto& problem : log.problems) all += problem.message + "\n";
  return all;
}
using Texts = std::vector<std::string>;

TEST(KernelLog, HasEachRecordOldestFirst) {
  LogWorld world;
  world.add("Linux version 6.1", State::finalized, 5);
  const auto second = world.add("eth0: up\nand running");
  world.kernel.put(world.info(second) + LogWorld::Info::facility, std::uint8_t{3});
  world.kernel.put(world.info(second) + LogWorld::Info::caller, std::uint32_t{0x80000001});
  world.kernel.put_string(world.info(second) + LogWorld::Info::subsystem, "pci");
  world.kernel.put_string(world.info(second) + LogWorld::Info::device, "+pci:0000:00:03.0");
  const auto log = kernel_log(world.kernel).value();
  EXPECT_EQ(problems(log), "");
  ASSERT_EQ(texts(log), (Texts{"Linux version 6.1", "eth0: up\nand running"}));
  EXPECT_EQ(log.entries[0].sequence, 0u);
  EXPECT_EQ(log.entries[0].level, 5u);
  EXPECT_EQ(log.entries[0].timestamp, 1000u);
  EXPECT_TRUE(log.entries[0].finalized);
  EXPECT_EQ(caller_name(log.entries[0].caller), "T0");
  EXPECT_EQ(log.entries[1].facility, 3u);
  EXPECT_EQ(caller_name(log.entries[1].caller), "C1");
  EXPECT_EQ(log.entries[1].subsystem, "pci");
  EXPECT_EQ(log.entries[1].device, "+pci:0000:00:03.0");
}

TEST(KernelLog, ALineThatMayBeContinuedIsToldAsSuch) {
  LogWorld world;
  world.add("done");
  world.add("to be contin", State::committed);
  const auto log = kernel_log(world.kernel).value();
  ASSERT_EQ(log.entries.size(), 2u);
  EXPECT_FALSE(log.entries[1].finalized);
}

TEST(KernelLog, RecordsThatAreWrittenOrGivenUpAreLeftOut) {
  LogWorld world;
  world.add("given up", State::reusable);
  world.add("here");
  world.add("half writt", State::reserved);
  world.add("after it");
  const auto log = kernel_log(world.kernel).value();
  EXPECT_EQ(problems(log), "");
  EXPECT_EQ(texts(log), (Texts{"here", "after it"}));
}

TEST(KernelLog, EmptyLinesAreRecordsAndLostTextsAreNot) {
  LogWorld world;
  world.add_dataless(3);
  world.add_dataless(1);
  world.add("text");
  const auto log = kernel_log(world.kernel).value();
  EXPECT_EQ(problems(log), "");
  EXPECT_EQ(texts(log), (Texts{"", "text"}));
}

TEST(KernelLog, TurnsWithItsRecordsAndItsText) {
  // Near the end of both numbers, which wrap around.
  LogWorld world((std::uint64_t{1} << 62) - 20, ~std::uint64_t{0} - 2047);
  Texts expected;
  for (int i = 0; i < 60; ++i) {
    const std::string text = std::string(static_cast<std::size_t>(20 + i % 30), 'a') + std::to_string(i);
    world.add(text);
    if (i >= 60 - 16) expected.push_back(text);
  }
  const auto log = kernel_log(world.kernel).value();
  EXPECT_EQ(problems(log), "");
  EXPECT_EQ(texts(log), expected);
}

TEST(KernelLog, ATextMayEndWhereTheRingDoes) {
  LogWorld world(0, 1024 - 24);
  world.add("sixteen bytes ..");
  const auto log = kernel_log(world.kernel).value();
  EXPECT_EQ(problems(log), "");
  EXPECT_EQ(texts(log), Texts{"sixteen bytes .."});
}

TEST(KernelLog, ABrokenRecordIsNamedAndTheOthersAreRead) {
  LogWorld world;
  world.add("first");
  world.put_record(1, State::finalized, 64, 72, 500);   // longer than its place
  world.put_record(2, State::finalized, 4096, 128, 4);  // ends before it begins
  world.add("fourth");
  world.kernel.put(world.info(3) + LogWorld::Info::sequence, std::uint64_t{999});
  world.add("last");
  const auto log = kernel_log(world.kernel).value();
  EXPECT_EQ(texts(log), (Texts{"first", "last"}));
  EXPECT_NE(problems(log).find("record 1 of the kernel's log: its text does not fit its place"),
            std::string::npos);
  EXPECT_NE(problems(log).find("record 2 of the kernel's log"), std::string::npos);
  EXPECT_NE(problems(log).find("stands in the place of another"), std::string::npos);
}

TEST(KernelLog, ARingThatClaimsTooMuchIsRefused) {
  {
    LogWorld world;
    world.kernel.put(world.ring + LogWorld::Ring::count_bits, std::uint32_t{40});
    EXPECT_EQ(kernel_log(world.kernel).error().code, Errc::out_of_bounds);
  }
  {
    LogWorld world;
    world.kernel.put(world.ring + LogWorld::Ring::size_bits, std::uint32_t{63});
    EXPECT_EQ(kernel_log(world.kernel).error().code, Errc::out_of_bounds);
  }
  LogWorld world;
  world.kernel.put(world.ring + LogWorld::Ring::head_id, std::uint64_t{77});
  EXPECT_EQ(kernel_log(world.kernel).error().code, Errc::malformed);
}

TEST(KernelLog, RecordsThatCannotBeReadAreAProblem) {
  LogWorld world;
  world.add("text");
  world.kernel.put_pointer(world.ring + LogWorld::Ring::infos, ~std::uint64_t{0xfff});
  const auto log = kernel_log(world.kernel).value();
  EXPECT_TRUE(log.entries.empty());
  EXPECT_FALSE(log.problems.empty());
}

/// A 32-bit kernel that names its functions only: `prb` stands in the code of one that uses it.
TEST(KernelLog, IsFoundWithoutTypesByTheCodeThatUsesIt) {
  testing::FakeKernel kernel(32);
  kernel.set_recovered_types(nullptr);
  const Gva code = kernel.allocate(64), decoy = kernel.allocate(64), prb = kernel.allocate(4),
            ring = kernel.allocate(64), descriptors = kernel.allocate(16 * 12),
            infos = kernel.allocate(16 * 88), data = kernel.allocate(256);
  kernel.define("devkmsg_read", code, 't');
  kernel.define("next_function", code + 64, 't');
  kernel.mutable_identity().text = {code, code + 256};
  kernel.mutable_identity().image = {code, data + 256};
  kernel.put(code + 3, static_cast<std::uint32_t>(decoy.value));
  kernel.put(code + 17, static_cast<std::uint32_t>(prb.value));
  kernel.put_pointer(decoy, data.value);
  kernel.put_pointer(prb, ring.value);
  // As the compiler lays out struct printk_ringbuffer of 6.1 for i386.
  kernel.put(ring, std::uint32_t{4});
  kernel.put_pointer(ring + 4, descriptors.value);
  kernel.put_pointer(ring + 8, infos.value);
  kernel.put(ring + 12, std::uint32_t{0x3ffffff0});
  kernel.put(ring + 16, std::uint32_t{0x3ffffff0});
  kernel.put(ring + 24, std::uint32_t{8});
  kernel.put_pointer(ring + 28, data.value);
  kernel.put(descriptors, std::uint32_t{0xbffffff0});  // finalized
  kernel.put(descriptors + 4, std::uint32_t{0});
  kernel.put(descriptors + 8, std::uint32_t{12});
  kernel.put(infos, std::uint64_t{32});
  kernel.put(infos + 8, std::uint64_t{5000});
  kernel.put(infos + 16, std::uint16_t{5});
  kernel.put(infos + 19, std::uint8_t{4 << 5});
  kernel.put(infos + 20, std::uint32_t{1});
  kernel.put_string(data + 4, "hello");
  const auto log = kernel_log(kernel).value();
  ASSERT_EQ(texts(log), Texts{"hello"});
  EXPECT_EQ(log.entries[0].level, 4u);
  EXPECT_EQ(log.entries[0].timestamp, 5000u);
  EXPECT_EQ(log.entries[0].sequence, 32u);
}

TEST(KernelLog, IsUnavailableWhereNothingLeadsToIt) {
  testing::FakeKernel kernel(32);
  kernel.set_recovered_types(nullptr);
  EXPECT_EQ(kernel_log(kernel).error().code, Errc::unavailable);
}

}  // namespace
}  // namespace ringside::guest::linux
