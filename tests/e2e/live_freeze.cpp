// SPDX-License-Identifier: Apache-2.0
// Whatever happens inside a freeze window, the guest ends as it was.
#include "base/io/event_loop.h"
#include "guest/live/live_guest.h"
#include "guest/live/qemu_process.h"
#include "tests/lab/guest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

namespace ringside::guest::live {
namespace {

namespace fs = std::filesystem;

/// Breaks every socket of this process whose peer's path ends with `suffix`.
int cut_connections(const std::string& suffix) {
  int cut = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().string());
    sockaddr_un peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sun_family != AF_UNIX)
      continue;
    if (std::string(peer.sun_path).ends_with(suffix) && ::shutdown(fd, SHUT_RDWR) == 0) ++cut;
  }
  return cut;
}

class LiveFreeze : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto booted = lab::Guest::boot();
    if (booted)
      guest = std::move(*booted);
    else
      why_not = booted.error();
  }
  static void TearDownTestSuite() { guest.reset(); }
  void SetUp() override {
    if (!guest && why_not.code == Errc::unavailable) GTEST_SKIP() << why_not.message;
    ASSERT_NE(guest, nullptr) << why_not.message;
    ASSERT_EQ(guest->qmp().status(), "running");
    guest->qmp().clear_events();
  }
  static AttachOptions options(Backend backend = Backend::automatic) {
    AttachOptions attach;
    attach.endpoint = *io::parse_endpoint(guest->monitor_socket());
    attach.backend = backend;
    attach.state_directory = guest->folder().file("state");
    return attach;
  }
  static bool has_gdbstub() {
    const auto chardevs = guest->qmp().execute("query-chardev");
    if (!chardevs) return false;
    for (const auto& chardev : *chardevs)
      if (chardev.at("label") == "gdb") return true;
    return false;
  }
  static std::size_t journal_entries() {
    std::error_code ignored;
    return static_cast<std::size_t>(std::distance(
        fs::directory_iterator(guest->folder().file("state/frozen"), ignored), fs::directory_iterator{}));
  }
  /// The guest does something, so it runs.
  static void expect_alive() {
    EXPECT_EQ(guest->qmp().status(), "running");
    EXPECT_EQ(guest->run("echo alive"), "alive\n");
    EXPECT_FALSE(has_gdbstub());
    EXPECT_EQ(journal_entries(), 0u);
  }
  /// A process that attaches, freezes the guest by gdbstub, and waits to be killed.
  static pid_t start_freezer() {
    int ready[2] = {-1, -1};
    EXPECT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      io::EventLoop loop;
      auto live = LiveGuest::attach(loop, options());
      if (!live) ::_exit(1);
      auto window = (*live)->freeze();
      if (!window || !(*window)->attach_gdbstub()) ::_exit(2);
      if (::write(ready[1], "x", 1) != 1) ::_exit(3);
      while (true) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "the freezer failed";
    ::close(ready[0]);
    return child;
  }
  static void kill_and_reap(pid_t child) {
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
  }

  static inline std::unique_ptr<lab::Guest> guest;
  static inline Error why_not{};
};

TEST_F(LiveFreeze, AKilledFreezersGuestIsGivenBackByAReplay) {
  const pid_t freezer = start_freezer();
  EXPECT_EQ(guest->qmp().status(), "paused");
  FreezeJournal journal(guest->folder().file("state/frozen"));
  io::EventLoop loop;
  EXPECT_TRUE(journal.replay(loop).empty()) << "the freezer lives";
  EXPECT_EQ(guest->qmp().status(), "paused");
  kill_and_reap(freezer);
  EXPECT_EQ(guest->qmp().status(), "paused");
  EXPECT_TRUE(has_gdbstub());
  const auto replayed = journal.replay(loop);
  ASSERT_EQ(replayed.size(), 1u);
  EXPECT_TRUE(replayed[0].outcome) << replayed[0].outcome.error().message;
  expect_alive();
}

TEST_F(LiveFreeze, AKilledFreezersGuestIsGivenBackByTheNextAttach) {
  kill_and_reap(start_freezer());
  EXPECT_EQ(guest->qmp().status(), "paused");
  io::EventLoop loop;
  auto live = LiveGuest::attach(loop, options());
  ASSERT_TRUE(live) << live.error().message;
  EXPECT_EQ((*live)->info().status, "running");
  expect_alive();
}

TEST_F(LiveFreeze, ALostGdbSocketDoesNotKeepTheGuestStopped) {
  io::EventLoop loop;
  auto live = LiveGuest::attach(loop, options());
  ASSERT_TRUE(live) << live.error().message;
  auto window = (*live)->freeze();
  ASSERT_TRUE(window) << window.error().message;
  ASSERT_TRUE((*window)->attach_gdbstub());
  ASSERT_EQ(cut_connections("/gdb"), 1);
  EXPECT_TRUE((*window)->close());
  expect_alive();
}

TEST_F(LiveFreeze, ALostMonitorDoesNotKeepTheGuestStopped) {
  io::EventLoop loop;
  auto live = LiveGuest::attach(loop, options());
  ASSERT_TRUE(live) << live.error().message;
  auto window = (*live)->freeze();
  ASSERT_TRUE(window) << window.error().message;
  ASSERT_TRUE((*window)->attach_gdbstub());
  ASSERT_EQ(cut_connections("/monitor"), 1);
  const auto closed = (*window)->close();
  EXPECT_TRUE(closed) << closed.error().message;
  expect_alive();
}

TEST_F(LiveFreeze, BothSocketsLostDoNotKeepTheGuestStopped) {
  io::EventLoop loop;
  auto live = LiveGuest::attach(loop, options());
  ASSERT_TRUE(live) << live.error().message;
  auto window = (*live)->freeze();
  ASSERT_TRUE(window) << window.error().message;
  ASSERT_TRUE((*window)->attach_gdbstub());
  ASSERT_EQ(cut_connections("/gdb"), 1);
  ASSERT_EQ(cut_connections("/monitor"), 1);
  EXPECT_TRUE((*window)->close());
  expect_alive();
}

TEST_F(LiveFreeze, AMonitorThatIsTakenLeavesGdbToResumeTheGuest) {
  io::EventLoop loop;
  auto live = LiveGuest::attach(loop, options());
  ASSERT_TRUE(live) << live.error().message;
  auto window = (*live)->freeze();
  ASSERT_TRUE(window) << window.error().message;
  ASSERT_TRUE((*window)->attach_gdbstub());
  ASSERT_EQ(cut_connections("/monitor"), 1);
  auto thief = lab::RawQmp::connect(guest->monitor_socket());
  ASSERT_TRUE(thief) << thief.error().message;
  EXPECT_FALSE((*window)->close());  // the gdbstub is left to end
  EXPECT_EQ(guest->qmp().status(), "running");
  { const lab::RawQmp gone = std::move(*thief); }
  const auto replayed = (*live)->journal().replay(loop);
  ASSERT_EQ(replayed.size(), 1u);
  EXPECT_TRUE(replayed[0].outcome) << replayed[0].outcome.error().message;
  expect_alive();
}

TEST_F(LiveFreeze, AGuestPausedByItsAdminStaysPausedThroughEverything) {
  ASSERT_TRUE(guest->qmp().execute("stop").has_value());
  guest->qmp().clear_events();
  for (const Backend backend : {Backend::process, Backend::gdbstub, Backend::qmp}) {
    io::EventLoop loop;
    auto live = LiveGuest::attach(loop, options(backend));
    ASSERT_TRUE(live) << live.error().message;
    Bytes bytes(8);
    const Gpa gpa{0x500};
    EXPECT_TRUE((*live)->memory().read(gpa, bytes));
    EXPECT_TRUE((*live)->read_cpus(MsrSource::vmstate));
    EXPECT_TRUE((*live)->read_cpus(MsrSource::automatic));
    EXPECT_TRUE((*live)->write({{gpa, bytes, bytes}}));
    EXPECT_EQ(guest->qmp().status(), "paused");
  }
  EXPECT_EQ(guest->qmp().count("RESUME"), 0u);
  ASSERT_TRUE(guest->qmp().execute("cont").has_value());
  expect_alive();
}

TEST_F(LiveFreeze, AGuestStopsOnceAndRunsAgainForAWindow) {
  io::EventLoop loop;
  auto live = LiveGuest::attach(loop, options());
  ASSERT_TRUE(live) << live.error().message;
  guest->qmp().clear_events();
  {
    auto window = (*live)->freeze();
    ASSERT_TRUE(window) << window.error().message;
    ASSERT_TRUE((*window)->attach_gdbstub());
    EXPECT_EQ(guest->qmp().status(), "paused");
  }
  EXPECT_EQ(guest->qmp().count("STOP"), 1u);
  EXPECT_EQ(guest->qmp().count("RESUME"), 1u);
  expect_alive();
}

TEST_F(LiveFreeze, WritesCompareFirstAndRefuseRom) {
  io::EventLoop loop;
  auto live = LiveGuest::attach(loop, options());
  ASSERT_TRUE(live) << live.error().message;
  const Gpa gpa{0x7000};  // below 1 MiB, which Linux leaves to the BIOS
  Bytes before(16);
  ASSERT_TRUE((*live)->memory().read(gpa, before));
  Bytes wanted = before;
  for (std::byte& b : wanted) b ^= std::byte{0x5a};
  ASSERT_TRUE((*live)->write({{gpa, before, wanted}}));
  Bytes now(16);
  ASSERT_TRUE((*live)->memory().read(gpa, now));
  EXPECT_EQ(now, wanted);
  EXPECT_EQ((*live)->write({{gpa, before, wanted}}).error().code, Errc::mismatch);
  EXPECT_TRUE((*live)->write({{gpa, wanted, before}}));
  const auto& ranges = (*live)->memory().map().ranges();
  EXPECT_EQ((*live)->write({{ranges.back().start, before, wanted}}).error().code, Errc::not_ram);  // pc.bios
  EXPECT_EQ((*live)->write({{Gpa{0xfee00000}, before, wanted}}).error().code, Errc::not_ram);      // APIC
  EXPECT_EQ((*live)->write({{gpa, before, {}}}).error().code, Errc::invalid_argument);
  expect_alive();
}

TEST(LiveFreezeEnd, AQemuThatEndsInsideAWindowIsGoneAndLeavesNothing) {
  auto booted = lab::Guest::boot({.wait_ready = false});
  RINGSIDE_REQUIRE_GUEST(booted);
  lab::Guest& guest = **booted;
  io::EventLoop loop;
  AttachOptions attach;
  attach.endpoint = *io::parse_endpoint(guest.monitor_socket());
  attach.state_directory = guest.folder().file("state");
  auto live = LiveGuest::attach(loop, attach);
  ASSERT_TRUE(live) << live.error().message;
  auto window = (*live)->freeze();
  ASSERT_TRUE(window) << window.error().message;
  ASSERT_TRUE((*window)->attach_gdbstub());
  guest.kill();
  const auto closed = (*window)->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::gone) << closed.error().message;
  EXPECT_TRUE(fs::is_empty(guest.folder().file("state/frozen")));
  Bytes bytes(16);
  EXPECT_EQ((*live)->memory().read(Gpa{0x1000}, bytes).error().code, Errc::gone);
}

TEST(LiveFreezeEnd, AQemuThatEndsUnderAReaderIsGone) {
  auto booted = lab::Guest::boot({.ram = lab::Ram::memfd, .wait_ready = false});
  RINGSIDE_REQUIRE_GUEST(booted);
  lab::Guest& guest = **booted;
  io::EventLoop loop;
  AttachOptions attach;
  attach.endpoint = *io::parse_endpoint(guest.monitor_socket());
  attach.backend = Backend::process;
  attach.state_directory = guest.folder().file("state");
  auto live = LiveGuest::attach(loop, attach);
  ASSERT_TRUE(live) << live.error().message;
  std::thread killer([&guest] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    guest.kill();
  });
  Bytes bytes(1u << 20);
  Result<void> read;
  while (read) read = (*live)->memory().read(Gpa{0x100000}, bytes);
  killer.join();
  EXPECT_EQ(read.error().code, Errc::gone) << read.error().message;
}

}  // namespace
}  // namespace ringside::guest::live
