// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/backends.h"
#include "tests/unit/memory/backend_fixture.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace ringside::guest::memory {
namespace {

using testing::BackendFixture;

/// A process with a copy of this one's memory, which stands in for QEMU.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) ::pause();
    }
  }
  Child(const Child&) = delete;
  ~Child() {
    kill();
    reap();
  }
  /// Ends it and waits until it is a zombie.
  void kill() {
    if (reaped_) return;
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT), 0);
  }
  void reap() {
    if (!reaped_) ::waitpid(pid_, nullptr, 0);
    reaped_ = true;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
  bool reaped_ = false;
};

class Process : public BackendFixture {};

TEST_F(Process, ReadsAnotherProcess) {
  Child child;
  const auto memory = open_process(map(), child.pid()).value();
  rom_[5] ^= std::byte{0xff};  // ours, not the child's
  Bytes got(16), expected(16);
  ASSERT_TRUE(memory->read(Gpa{kRomStart}, got));
  rom_[5] ^= std::byte{0xff};
  ASSERT_TRUE(reference(Gpa{kRomStart}, expected));
  EXPECT_EQ(got, expected);
}

TEST_F(Process, AnEndedProcessIsGoneAsAZombieAndAfterwards) {
  Child child;
  const auto memory = open_process(map(), child.pid()).value();
  Bytes into(16);
  ASSERT_TRUE(memory->read(Gpa{0x1000}, into));
  child.kill();
  auto read = memory->read(Gpa{0x1000}, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::gone);
  EXPECT_EQ(open_process(map(), child.pid()).error().code, Errc::gone);
  child.reap();
  read = memory->read(Gpa{0x1000}, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::gone);
  EXPECT_EQ(open_process(map(), child.pid()).error().code, Errc::gone);
}

/// A map of one block, of which the middle page is not mapped in this process.
class ProcessWithAGap : public ::testing::Test {
 protected:
  static constexpr std::size_t kPages = 3000;
  static constexpr std::size_t kGap = 1700;

  ProcessWithAGap()
      : data_(static_cast<std::byte*>(::mmap(nullptr, kPages * kPageSize, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    for (std::size_t i = 0; i < kPages; ++i) std::memcpy(data_ + i * kPageSize, &i, sizeof i);
    ::munmap(data_ + kGap * kPageSize, kPageSize);
    MemoryRange range{Gpa{0}, kPages * kPageSize, MemoryRange::Kind::ram, "pc.ram", 0, {}};
    range.hva = Hva{reinterpret_cast<std::uint64_t>(data_)};
    memory_ = open_process(MemoryMap::create({range}).value(), ::getpid()).value();
  }
  ~ProcessWithAGap() override { ::munmap(data_, kPages * kPageSize); }

  std::byte* data_;
  std::unique_ptr<PhysicalMemory> memory_;
};

TEST_F(ProcessWithAGap, OnlyThePiecesThatTouchTheGapFail) {
  std::vector<Bytes> buffers(kPages, Bytes(kPageSize));
  std::vector<ReadRequest> requests;
  for (std::size_t i = 0; i < kPages; ++i) requests.push_back({Gpa{i * kPageSize}, buffers[i]});
  memory_->read(requests);
  for (std::size_t i = 0; i < kPages; ++i) {
    ASSERT_EQ(requests[i].error.has_value(), i == kGap) << i;
    if (i == kGap) continue;
    ASSERT_EQ(load_le<std::uint64_t>(buffers[i]), i);
  }
  EXPECT_EQ(requests[kGap].error->code, Errc::gone);
}

TEST_F(ProcessWithAGap, ASingleReadOfTheGapIsGone) {
  Bytes into(16);
  EXPECT_TRUE(memory_->read(Gpa{kGap * kPageSize - 16}, into));
  for (const std::uint64_t gpa : {kGap * kPageSize, kGap * kPageSize - 8, (kGap + 1) * kPageSize - 8}) {
    const auto read = memory_->read(Gpa{gpa}, into);
    ASSERT_FALSE(read) << gpa;
    EXPECT_EQ(read.error().code, Errc::gone);
  }
}

TEST_F(ProcessWithAGap, APieceThatRunsIntoTheGapFailsAsAWhole) {
  Bytes into(3 * kPageSize), other(8);
  std::vector<ReadRequest> requests;
  requests.push_back({Gpa{(kGap - 1) * kPageSize}, into});
  requests.push_back({Gpa{(kGap + 1) * kPageSize}, other});
  memory_->read(requests);
  ASSERT_TRUE(requests[0].error);
  EXPECT_EQ(requests[0].error->code, Errc::gone);
  EXPECT_FALSE(requests[1].error);
  EXPECT_EQ(load_le<std::uint64_t>(other), kGap + 1);
}

TEST_F(Process, RangesWithoutAHostAddressAreUnavailableAndCostOthersNothing) {
  std::vector<MemoryRange> ranges = map().ranges();
  ranges[1].hva = {};
  const auto memory = open_process(MemoryMap::create(ranges).value(), ::getpid()).value();
  Bytes a(16), b(16), c(16);
  std::vector<ReadRequest> requests;
  requests.push_back({Gpa{0x1000}, a});
  requests.push_back({Gpa{kRomStart}, b});
  requests.push_back({Gpa{kHoleEnd}, c});
  memory->read(requests);
  EXPECT_FALSE(requests[0].error);
  ASSERT_TRUE(requests[1].error);
  EXPECT_EQ(requests[1].error->code, Errc::unavailable);
  EXPECT_FALSE(requests[2].error);
  Bytes expected(16);
  reference(Gpa{kHoleEnd}, expected);
  EXPECT_EQ(c, expected);
}

TEST_F(Process, AMapWithoutAnyHostAddressIsRefused) {
  std::vector<MemoryRange> ranges = map().ranges();
  for (MemoryRange& range : ranges) range.hva = {};
  EXPECT_EQ(open_process(MemoryMap::create(ranges).value(), ::getpid()).error().code, Errc::invalid_argument);
}

TEST_F(Process, AProcessThatMayNotBeReadIsAPermissionErrorWithAHint) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root, to make a child that may not read another user's process";
  Child child;
  const pid_t reader = ::fork();
  if (reader == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    const auto memory = open_process(map(), child.pid());
    ::_exit(!memory && memory.error().code == Errc::permission &&
                    memory.error().hint.find("CAP_SYS_PTRACE") != std::string::npos
                ? 0
                : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(reader, &status, 0), reader);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringside::guest::memory
