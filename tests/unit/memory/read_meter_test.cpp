// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/read_meter.h"

#include "guest/memory/in_place.h"
#include "tests/unit/memory/backend_fixture.h"

#include <gtest/gtest.h>

namespace ringside::guest::memory {
namespace {

using testing::BackendFixture;

/// Of all readers of this program so far: tests look at what was added.
ReadTotals totals_of(const std::string& backend) {
  return read_totals()[backend];
}

class ReadMeterTest : public BackendFixture {};

TEST_F(ReadMeterTest, EveryBackendCountsWhatItReads) {
  for (const auto& backend : all()) {
    const std::string name(backend->backend());
    const auto before = totals_of(name).bytes;
    Bytes one(8), two(100);
    ASSERT_TRUE(backend->read(Gpa{0x1000}, one));
    std::vector<ReadRequest> requests = {{Gpa{0x2000}, one}, {Gpa{0x9000}, two}};
    backend->read(requests);
    EXPECT_EQ(totals_of(name).bytes - before, 116u) << name;
  }
}

TEST_F(ReadMeterTest, WhatIsComparedInPlaceIsRead) {
  const auto backend = mapped();
  const auto before = totals_of("mapped").bytes;
  Bytes bytes(64);
  ASSERT_TRUE(reference(Gpa{0x1000}, bytes));
  EXPECT_EQ(dynamic_cast<InPlaceMemory&>(*backend).holds(Gpa{0x1000}, bytes), true);
  EXPECT_EQ(totals_of("mapped").bytes - before, 64u);
}

TEST_F(ReadMeterTest, WhatIsNotMappedCountsForTheBackendThatReadsIt) {
  const auto backend = mapped();
  const auto by_mapped = totals_of("mapped").bytes, by_process = totals_of("process").bytes;
  Bytes rom(16);
  ASSERT_TRUE(backend->read(Gpa{kRomStart}, rom));
  EXPECT_EQ(totals_of("mapped").bytes, by_mapped);
  EXPECT_EQ(totals_of("process").bytes - by_process, 16u);
}

TEST_F(ReadMeterTest, FailuresAreCountedByReason) {
  const auto before = totals_of("gdbstub");
  const auto backend = make_gdbstub_memory(
      map(), [](std::span<ReadRequest>) -> Result<void> { return fail(Errc::deadline, "too slow"); });
  Bytes bytes(8);
  EXPECT_FALSE(backend->read(Gpa{0x1000}, bytes));
  const auto after = totals_of("gdbstub");
  EXPECT_EQ(after.bytes, before.bytes);
  const auto known = before.errors.find(Errc::deadline);
  EXPECT_EQ(after.errors.at(Errc::deadline), (known == before.errors.end() ? 0 : known->second) + 1);
}

TEST_F(ReadMeterTest, AddressesThatAreNoMemoryAreNoFailureOfABackend) {
  const auto backend = process();
  const auto before = totals_of("process");
  Bytes bytes(8);
  EXPECT_FALSE(backend->read(Gpa{kRomEnd}, bytes));
  EXPECT_EQ(totals_of("process").errors, before.errors);
}

TEST(ReadMeter, ATotalOutlivesItsReaders) {
  const auto before = totals_of("test").bytes;
  {
    ReadMeter meter("test");
    meter.read(5);
    EXPECT_EQ(totals_of("test").bytes - before, 5u);
  }
  EXPECT_EQ(totals_of("test").bytes - before, 5u);
}

}  // namespace
}  // namespace ringside::guest::memory
