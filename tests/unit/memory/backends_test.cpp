// SPDX-License-Identifier: Apache-2.0
// What holds for every way to reach guest memory.
#include "guest/memory/backends.h"

#include "tests/unit/memory/backend_fixture.h"

#include <gtest/gtest.h>

#include <random>

namespace ringside::guest::memory {
namespace {

using testing::BackendFixture;

TEST_F(BackendFixture, AllBackendsGiveTheSameBytes) {
  const auto backends = all();
  std::mt19937_64 random(42);
  for (int round = 0; round < 300; ++round) {
    const MemoryRange& range = map().ranges()[random() % map().ranges().size()];
    const std::uint64_t offset = random() % range.size;
    const Gpa gpa = range.start + offset;
    Bytes expected(1 + random() % std::min<std::uint64_t>(range.size - offset, 9000));
    reference(gpa, expected);
    for (const auto& backend : backends) {
      Bytes got(expected.size());
      const auto read = backend->read(gpa, got);
      ASSERT_TRUE(read) << backend->backend() << ": " << read.error().message;
      ASSERT_EQ(got, expected) << backend->backend() << " at " << to_string(gpa);
    }
  }
}

TEST_F(BackendFixture, AllBackendsGiveTheSameBytesForScatteredReadsThatCrossBorders) {
  const auto backends = all();
  std::mt19937_64 random(43);
  for (int round = 0; round < 10; ++round) {
    std::vector<Gpa> gpas;
    std::vector<Bytes> buffers;
    for (int i = 0; i < 1500; ++i) {  // more than one process_vm_readv takes
      gpas.push_back(Gpa{random() % (kSpace + 0x2000)});
      buffers.emplace_back(random() % 64);
    }
    for (const std::uint64_t border : {kRomStart, kRomEnd, kHoleEnd}) {
      gpas.push_back(Gpa{border - 3});
      buffers.emplace_back(8);
    }
    for (const auto& backend : backends) {
      std::vector<ReadRequest> requests;
      for (std::size_t i = 0; i < gpas.size(); ++i) requests.push_back({gpas[i], buffers[i]});
      backend->read(requests);
      for (std::size_t i = 0; i < gpas.size(); ++i) {
        Bytes expected(buffers[i].size());
        const bool readable = reference(gpas[i], expected);
        ASSERT_EQ(!requests[i].error, readable) << backend->backend() << " at " << to_string(gpas[i])
                                                << (requests[i].error ? requests[i].error->message : "");
        if (readable)
          ASSERT_EQ(buffers[i], expected) << backend->backend() << " at " << to_string(gpas[i]);
        else
          ASSERT_EQ(requests[i].error->code, Errc::not_ram);
      }
    }
  }
}

TEST_F(BackendFixture, NoBackendIsAskedForAHole) {
  for (const auto& backend : all()) {
    Bytes into(16);
    for (const Gpa gpa : {Gpa{kRomEnd}, Gpa{kHoleEnd - 8}, Gpa{kSpace}, Gpa{~std::uint64_t{0} - 7}}) {
      const auto read = backend->read(gpa, into);
      ASSERT_FALSE(read) << backend->backend();
      EXPECT_EQ(read.error().code, Errc::not_ram) << backend->backend();
    }
  }
}

TEST_F(BackendFixture, BackendsSayWhatTheyAre) {
  const auto backends = all();
  ASSERT_EQ(backends.size(), 4u);
  EXPECT_EQ(backends[0]->backend(), "mapped");
  EXPECT_EQ(backends[1]->backend(), "process");
  EXPECT_EQ(backends[2]->backend(), "gdbstub");
  EXPECT_EQ(backends[3]->backend(), "qmp");
  for (const auto& backend : backends) EXPECT_EQ(backend->stops_guest(), backend->backend() == "gdbstub");
}

}  // namespace
}  // namespace ringside::guest::memory
