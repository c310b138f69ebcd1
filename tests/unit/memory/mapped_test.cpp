// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/backends.h"
#include "guest/memory/bus_guard.h"
#include "guest/memory/in_place.h"
#include "guest/read_set.h"
#include "tests/unit/memory/backend_fixture.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

namespace ringside::guest::memory {
namespace {

using testing::BackendFixture;
using testing::TestFile;

class Mapped : public BackendFixture {};

TEST_F(Mapped, ATruncatedFileIsGoneForTheBytesBeyondItsEndOnly) {
  const auto memory = mapped();
  Bytes into(64);
  ram_.truncate(kFileOffset + 0x5000);
  EXPECT_TRUE(memory->read(Gpa{0x4fc0}, into));
  for (const Gpa gpa : {Gpa{0x5000}, Gpa{0x4fe0}, Gpa{kHoleEnd}, Gpa{kSpace - 64}}) {
    const auto read = memory->read(gpa, into);
    ASSERT_FALSE(read) << to_string(gpa);
    EXPECT_EQ(read.error().code, Errc::gone);
  }
  EXPECT_TRUE(memory->read(Gpa{0x1000}, into));
}

TEST_F(Mapped, TruncationCostsAScatterReadOnlyItsOwnPieces) {
  const auto memory = mapped();
  ram_.truncate(kFileOffset + 0x5000);
  Bytes a(16), b(16), c(16), d(16);
  std::vector<ReadRequest> requests;
  requests.push_back({Gpa{0x10000}, a});
  requests.push_back({Gpa{0x1000}, b});
  requests.push_back({Gpa{kRomStart}, c});  // not in the file
  requests.push_back({Gpa{0x20000}, d});
  memory->read(requests);
  EXPECT_TRUE(requests[0].error);
  EXPECT_FALSE(requests[1].error);
  EXPECT_FALSE(requests[2].error);
  EXPECT_TRUE(requests[3].error);
}

TEST_F(Mapped, AFileThatShrankAndGrewAgainReadsAgain) {
  const auto memory = mapped();
  Bytes into(16);
  ram_.truncate(0);
  EXPECT_FALSE(memory->read(Gpa{0}, into));
  ram_.truncate(kFileOffset + kRamSize);
  EXPECT_TRUE(memory->read(Gpa{0}, into));
}

TEST_F(Mapped, SeesWhatTheGuestWritesAtOnce) {
  const auto memory = mapped();
  for (int i = 0; i < 10; ++i) {
    ram_.data()[kFileOffset + 7] = static_cast<std::byte>(i);
    std::byte got{};
    ASSERT_TRUE(memory->read(Gpa{7}, std::span(&got, 1)));
    EXPECT_EQ(got, static_cast<std::byte>(i));
  }
}

TEST_F(Mapped, ARangeBeyondTheEndOfTheFileIsRefused) {
  for (const std::uint64_t offset : {kFileOffset + 1, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    const auto memory = open_mapped(map(), {{"pc.ram", ram_.path(), offset}}, nullptr);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().code, Errc::out_of_bounds);
  }
}

TEST_F(Mapped, WhatIsNoFileWithContentsIsRefused) {
  TestFile empty(0x1000);
  empty.truncate(0);
  EXPECT_EQ(open_mapped(map(), {{"pc.ram", empty.path(), 0}}, nullptr).error().code, Errc::unsupported);
  EXPECT_EQ(open_mapped(map(), {{"pc.ram", "/dev/null", 0}}, nullptr).error().code, Errc::unsupported);
  EXPECT_EQ(open_mapped(map(), {{"pc.ram", "/nonexistent/file", 0}}, nullptr).error().code, Errc::gone);
}

TEST_F(Mapped, RangesWithoutAFileAreUnavailableWithoutAnotherBackend) {
  const auto memory = open_mapped(map(), {{"pc.ram", ram_.path(), kFileOffset}}, nullptr).value();
  Bytes into(16);
  EXPECT_TRUE(memory->read(Gpa{0x1000}, into));
  const auto read = memory->read(Gpa{kRomStart - 8}, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::unavailable);
}

TEST_F(Mapped, AnEndedQemuIsGoneAlthoughTheFileStands) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  const auto memory = open_mapped(map(), {{"pc.ram", ram_.path(), kFileOffset}}, nullptr, child).value();
  Bytes a(16), b(16);
  std::vector<ReadRequest> requests;
  requests.push_back({Gpa{0x1000}, a});
  requests.push_back({Gpa{0x2000}, b});
  memory->read(requests);
  EXPECT_FALSE(requests[0].error);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  memory->read(requests);  // a zombie now
  for (const ReadRequest& request : requests) {
    ASSERT_TRUE(request.error);
    EXPECT_EQ(request.error->code, Errc::gone);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  memory->read(requests);
  EXPECT_TRUE(requests[0].error);
  EXPECT_EQ(open_mapped(map(), {}, nullptr, child).error().code, Errc::gone);
}

TEST_F(Mapped, BytesAreComparedWhereTheyLie) {
  const auto memory = mapped();
  auto* const in_place = dynamic_cast<InPlaceMemory*>(memory.get());
  ASSERT_NE(in_place, nullptr);
  Bytes held(0x2000);
  ASSERT_TRUE(memory->read(Gpa{0x4000}, held));
  EXPECT_EQ(in_place->holds(Gpa{0x4000}, held), true);
  ram_.data()[kFileOffset + 0x5fff] ^= std::byte{1};
  EXPECT_EQ(in_place->holds(Gpa{0x4000}, held), false);
  EXPECT_EQ(in_place->holds(Gpa{0x4000}, ByteView(held).first(0x1fff)), true);
  // Not in the file, out of the range, in a hole: somebody else has to tell.
  EXPECT_EQ(in_place->holds(Gpa{kRomStart}, held), std::nullopt);
  EXPECT_EQ(in_place->holds(Gpa{kRomStart - 8}, held), std::nullopt);
  EXPECT_EQ(in_place->holds(Gpa{kRomEnd}, held), std::nullopt);
  ram_.truncate(kFileOffset + 0x5000);
  EXPECT_EQ(in_place->holds(Gpa{0x4000}, held), std::nullopt);
}

TEST_F(Mapped, AReadSetNoticesEveryChangeWhetherInTheFileOrNot) {
  const auto memory = mapped();
  ReadSet reads;
  for (const Gpa gpa : {Gpa{0x1010}, Gpa{0x1080}, Gpa{kRomStart + 8}, Gpa{kHoleEnd}}) {
    Bytes bytes(16);
    ASSERT_TRUE(memory->read(gpa, bytes));
    reads.note(gpa, bytes);
  }
  EXPECT_TRUE(reads.unchanged_in(*memory));
  rom_[9] ^= std::byte{1};
  EXPECT_FALSE(reads.unchanged_in(*memory));
  rom_[9] ^= std::byte{1};
  ram_.data()[kFileOffset + 0x1085] ^= std::byte{1};
  EXPECT_FALSE(reads.unchanged_in(*memory));
}

using BusGuardDeathTest = Mapped;

TEST_F(BusGuardDeathTest, ABusErrorThatIsNotOursStillEndsTheProcess) {
  install_bus_guard();
  ram_.truncate(0);
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, SIG_DFL);
        *const_cast<volatile std::byte*>(ram_.data()) = std::byte{1};
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace ringside::guest::memory
