// SPDX-License-Identifier: Apache-2.0
#include "guest/live/freeze_window.h"

#include "fake_qemu.h"
#include "tests/support/temporary_directory.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>

namespace ringside::guest::live {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class FreezeWindowTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<FreezeWindow>> open() {
    return FreezeWindow::open(connectors_to(qemu), monitor, journal);
  }
  std::size_t entries() const {
    std::error_code ignored;
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(journal.directory(), ignored),
                      std::filesystem::directory_iterator{}));
  }
  long position(const std::string& call) const {
    return std::find(qemu->calls.begin(), qemu->calls.end(), call) - qemu->calls.begin();
  }

  ringside::testing::TemporaryDirectory folder;
  std::shared_ptr<FakeQemu> qemu = std::make_shared<FakeQemu>();
  FakeMonitor monitor{qemu, fake_endpoint()};
  FreezeJournal journal{folder.file("state/frozen")};
};

TEST_F(FreezeWindowTest, StopsARunningGuestAndLetsItRunAgain) {
  auto window = open();
  ASSERT_TRUE(window) << window.error().message;
  EXPECT_EQ(qemu->status, "paused");
  EXPECT_TRUE((*window)->was_running());
  EXPECT_EQ(entries(), 1u);
  EXPECT_TRUE((*window)->close());
  EXPECT_EQ(qemu->status, "running");
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FreezeWindowTest, JournalsBeforeItStops) {
  std::size_t journaled = 0;
  qemu->on_call = [&](const std::string& call) {
    if (call == "stop") journaled = entries();
  };
  ASSERT_TRUE(open());
  EXPECT_EQ(journaled, 1u);
}

TEST_F(FreezeWindowTest, StopsNothingWithoutAJournal) {
  std::ofstream(folder.file("file")) << "in the way";
  FreezeJournal nowhere(folder.file("file/frozen"));
  const auto window = FreezeWindow::open(connectors_to(qemu), monitor, nowhere);
  ASSERT_FALSE(window);
  EXPECT_THAT(qemu->calls, Not(Contains("stop")));
  EXPECT_EQ(qemu->status, "running");
}

class NotRunning : public FreezeWindowTest, public ::testing::WithParamInterface<const char*> {};
TEST_P(NotRunning, IsLeftExactlyAsItWas) {
  qemu->status = GetParam();
  {
    auto window = open();
    ASSERT_TRUE(window);
    EXPECT_FALSE((*window)->was_running());
    ASSERT_TRUE((*window)->attach_gdbstub());
    EXPECT_TRUE((*window)->close());
  }
  EXPECT_EQ(qemu->status, GetParam());
  EXPECT_THAT(qemu->calls, Not(Contains("stop")));
  EXPECT_THAT(qemu->calls, Not(Contains("cont")));
  EXPECT_EQ(entries(), 0u);
  EXPECT_EQ(qemu->gdb_socket, "");
}
INSTANTIATE_TEST_SUITE_P(States, NotRunning,
                         ::testing::Values("paused", "prelaunch", "internal-error", "debug", "inmigrate",
                                           "shutdown"));

TEST_F(FreezeWindowTest, ClosesTheStubThenEndsItThenResumes) {
  {
    auto window = open();
    ASSERT_TRUE(window);
    ASSERT_TRUE((*window)->attach_gdbstub());
    EXPECT_THAT(qemu->gdb_socket, HasSubstr("/ringside-"));
    EXPECT_LE(qemu->gdb_socket.size(), 107u);
  }
  const long close = position("[gdb close]"), none = position("human-monitor-command gdbserver none"),
             cont = position("cont");
  EXPECT_LT(close, none);
  EXPECT_LT(none, cont);
  EXPECT_LT(cont, static_cast<long>(qemu->calls.size()));
  EXPECT_EQ(qemu->status, "running");
}

TEST_F(FreezeWindowTest, RemovesTheGdbSocketAndItsFolder) {
  std::string socket;
  {
    auto window = open();
    ASSERT_TRUE((*window)->attach_gdbstub());
    socket = qemu->gdb_socket;
    EXPECT_TRUE(std::filesystem::exists(socket));
  }
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(socket).parent_path()));
}

TEST_F(FreezeWindowTest, GivesTheSameStubUnlessItNowHasToWrite) {
  auto window = open();
  const auto reader = (*window)->attach_gdbstub();
  ASSERT_TRUE(reader);
  EXPECT_EQ(*(*window)->attach_gdbstub(), *reader);
  ASSERT_TRUE((*window)->attach_gdbstub({.allow_writes = true}));
  EXPECT_EQ(std::count(qemu->calls.begin(), qemu->calls.end(), "[gdb close]"), 1);
}

TEST_F(FreezeWindowTest, LeavesSomebodyElsesGdbstubAlone) {
  qemu->someone_elses_gdbstub = true;
  {
    auto window = open();
    const auto stub = (*window)->attach_gdbstub();
    ASSERT_FALSE(stub);
    EXPECT_EQ(stub.error().code, Errc::unavailable);
  }
  for (const std::string& call : qemu->calls) EXPECT_THAT(call, Not(HasSubstr("gdbserver")));
  EXPECT_EQ(qemu->status, "running");
}

TEST_F(FreezeWindowTest, ASecondWindowOnTheSameGuestIsAnError) {
  auto window = open();
  ASSERT_TRUE(window);
  EXPECT_EQ(FreezeWindow::on(monitor), window->get());
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::invalid_argument);
  EXPECT_EQ(qemu->status, "paused");
  ASSERT_TRUE((*window)->close());
  EXPECT_EQ(FreezeWindow::on(monitor), nullptr);
  EXPECT_TRUE(open());
}

TEST_F(FreezeWindowTest, AnotherMonitorOfTheSameQemuIsTheSameGuest) {
  auto window = open();
  ASSERT_TRUE(window);
  FakeMonitor other(qemu, unix_endpoint("/nowhere/ringside-test/qmp2"));
  const auto second = FreezeWindow::open(connectors_to(qemu), other, journal);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::unavailable);
  EXPECT_EQ(entries(), 1u);
  EXPECT_EQ(qemu->status, "paused");
}

TEST_F(FreezeWindowTest, LeavesAGuestAloneThatSomebodyElseResumed) {
  auto window = open();
  qemu->status = "running";
  EXPECT_TRUE((*window)->close());
  EXPECT_THAT(qemu->calls, Not(Contains("cont")));
}

TEST_F(FreezeWindowTest, LeavesAGuestAloneThatFailedMeanwhile) {
  auto window = open();
  qemu->status = "internal-error";
  EXPECT_TRUE((*window)->close());
  EXPECT_THAT(qemu->calls, Not(Contains("cont")));
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FreezeWindowTest, ResumesAGuestThatABreakPointStopped) {
  auto window = open();
  auto stub = (*window)->attach_gdbstub();
  ASSERT_TRUE((*stub)->resume());
  ASSERT_TRUE((*stub)->wait_stop(std::chrono::seconds(1)));
  EXPECT_EQ(qemu->status, "debug");
  EXPECT_TRUE((*window)->close());
  EXPECT_EQ(qemu->status, "running");
}

TEST_F(FreezeWindowTest, ALostGdbSocketDoesNotKeepTheGuestStopped) {
  auto window = open();
  auto stub = (*window)->attach_gdbstub();
  static_cast<FakeStub*>(*stub)->lose();
  EXPECT_TRUE((*window)->close());
  EXPECT_EQ(qemu->status, "running");
  EXPECT_EQ(qemu->gdb_socket, "");
}

TEST_F(FreezeWindowTest, ReconnectsWhenTheMonitorIsLost) {
  auto window = open();
  monitor.disconnect();
  EXPECT_TRUE((*window)->close());
  EXPECT_EQ(qemu->status, "running");
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FreezeWindowTest, ResumesByGdbWhenTheMonitorStaysLost) {
  auto window = open();
  ASSERT_TRUE((*window)->attach_gdbstub());
  monitor.disconnect();
  qemu->accepts_monitors = false;
  EXPECT_FALSE((*window)->close());  // the gdbstub is still there
  EXPECT_EQ(qemu->status, "running");
  EXPECT_THAT(qemu->calls, Contains("[gdb D]"));
  EXPECT_THAT(qemu->calls, Not(Contains("[gdb close]")));
  // Then the admin stops it: a replay only ends the gdbstub.
  qemu->status = "paused";
  qemu->accepts_monitors = true;
  const auto replayed = journal.replay(connectors_to(qemu));
  ASSERT_EQ(replayed.size(), 1u);
  EXPECT_TRUE(replayed[0].outcome);
  EXPECT_EQ(qemu->gdb_socket, "");
  EXPECT_EQ(qemu->status, "paused");
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FreezeWindowTest, LeavesThePromiseInTheJournalWhenNothingIsReached) {
  {
    auto window = open();
    monitor.disconnect();
    qemu->accepts_monitors = false;
    const auto closed = (*window)->close();
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().message, (*window)->close().error().message);
  }
  EXPECT_EQ(entries(), 1u);
  qemu->accepts_monitors = true;
  EXPECT_EQ(journal.replay(connectors_to(qemu)).size(), 1u);  // the same process may fulfil what it gave up
  EXPECT_EQ(qemu->status, "running");
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FreezeWindowTest, OfAnEndedQemuNothingIsLeft) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  qemu->pid = child;
  auto window = open();
  ASSERT_TRUE(window);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  monitor.disconnect();
  qemu->accepts_monitors = false;
  const auto closed = (*window)->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::gone);
  EXPECT_EQ(entries(), 0u);
}

TEST_F(FreezeWindowTest, AStopThatQemuIgnoresIsAnError) {
  qemu->ignores_stop = true;
  const auto window = open();
  ASSERT_FALSE(window);
  EXPECT_EQ(window.error().code, Errc::mismatch);
  EXPECT_EQ(entries(), 0u);
}

/// One QMP call of a whole window goes wrong, in every way, with and without a monitor to come back to.
struct Sweep {
  const char* state;
  Fault fault;
  bool monitor_comes_back;
};
class EveryStep : public FreezeWindowTest, public ::testing::WithParamInterface<Sweep> {};
TEST_P(EveryStep, TheGuestEndsAsItWas) {
  constexpr int kMoreThanCalls = 20;
  int faults = 0;
  for (int step = 0; step < kMoreThanCalls; ++step) {
    SCOPED_TRACE(fmt::format("fault at call {}", step));
    qemu = std::make_shared<FakeQemu>();
    qemu->status = GetParam().state;
    qemu->fault_at = step;
    qemu->fault = GetParam().fault;
    qemu->on_call = [&](const std::string&) {
      if (static_cast<int>(qemu->calls.size()) > step) qemu->accepts_monitors = GetParam().monitor_comes_back;
    };
    FakeMonitor first(qemu, fake_endpoint());
    {
      auto window = FreezeWindow::open(connectors_to(qemu), first, journal);
      if (window) (void)(*window)->attach_gdbstub();
    }
    if (static_cast<int>(qemu->calls.size()) > step) ++faults;
    if (entries() != 0 || qemu->status != GetParam().state) {
      qemu->fault_at = -1;
      qemu->on_call = nullptr;
      qemu->accepts_monitors = true;
      for (const auto& replayed : journal.replay(connectors_to(qemu)))
        EXPECT_TRUE(replayed.outcome) << replayed.outcome.error().message;
    }
    EXPECT_EQ(qemu->status, GetParam().state);
    EXPECT_EQ(qemu->gdb_socket, "");
    EXPECT_EQ(entries(), 0u);
    if (GetParam().state != std::string("running")) {
      EXPECT_THAT(qemu->calls, Not(Contains("cont")));
    }
  }
  EXPECT_GE(faults, 6);
}
INSTANTIATE_TEST_SUITE_P(
    Faults, EveryStep,
    ::testing::Values(Sweep{"running", Fault::lost_before, true}, Sweep{"running", Fault::lost_after, true},
                      Sweep{"running", Fault::late, true}, Sweep{"running", Fault::refused, true},
                      Sweep{"running", Fault::lost_before, false}, Sweep{"running", Fault::lost_after, false},
                      Sweep{"paused", Fault::lost_before, true}, Sweep{"paused", Fault::lost_after, false},
                      Sweep{"paused", Fault::late, true}, Sweep{"internal-error", Fault::lost_after, true}));

}  // namespace
}  // namespace ringside::guest::live
