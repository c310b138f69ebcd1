// SPDX-License-Identifier: Apache-2.0
#include "guest/live/freeze_journal.h"

#include "fake_qemu.h"
#include "guest/live/private_directory.h"
#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

namespace ringside::guest::live {
namespace {

using ::testing::Contains;
using ::testing::Not;

/// The pid and start of a process that has ended.
std::pair<pid_t, unsigned long long> ended_process() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto start = process_start(child).value();
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {child, start};
}

class FreezeJournalTest : public ::testing::Test {
 protected:
  FreezeJournalTest() {
    entry.monitor = fake_endpoint();
    entry.was_running = true;
    std::tie(entry.owner, entry.owner_start) = ended_process();
    entry.qemu = ::getpid();
    entry.qemu_start = *process_start(::getpid());
    qemu->status = "paused";
  }
  auto replay() { return journal.replay(connectors_to(qemu)); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(journal.directory()))
      names.push_back(file.path().filename().string());
    return names;
  }

  ringside::testing::TemporaryDirectory folder;
  std::shared_ptr<FakeQemu> qemu = std::make_shared<FakeQemu>();
  FreezeJournal journal{folder.file("frozen")};
  FreezeJournal::Entry entry;
};

TEST_F(FreezeJournalTest, IsForItsOwnerOnly) {
  const auto file = journal.write(entry);
  ASSERT_TRUE(file) << file.error().message;
  struct stat info {};
  ASSERT_EQ(::stat(journal.directory().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  ASSERT_EQ(::stat(file->c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_F(FreezeJournalTest, GivesADeadOwnersGuestBack) {
  ASSERT_TRUE(journal.write(entry));
  const auto replayed = replay();
  ASSERT_EQ(replayed.size(), 1u);
  EXPECT_TRUE(replayed[0].outcome);
  EXPECT_EQ(replayed[0].entry, entry);
  EXPECT_EQ(qemu->status, "running");
  EXPECT_TRUE(files().empty());
  EXPECT_TRUE(replay().empty());
}

TEST_F(FreezeJournalTest, ADomainOfLibvirtSurvives) {
  entry.monitor = *io::parse_endpoint("libvirt:web@qemu:///system");
  ASSERT_TRUE(journal.write(entry));
  const auto replayed = replay();
  ASSERT_EQ(replayed.size(), 1u);
  EXPECT_EQ(replayed[0].entry, entry);
}

TEST_F(FreezeJournalTest, EveryFieldSurvives) {
  entry.monitor = {.kind = io::Endpoint::Kind::tls,
                   .path = {},
                   .host = "::1",
                   .port = 4444,
                   .tls = {.ca_file = "/ca", .certificate_file = "/c", .key_file = "/k", .server_name = "n"},
                   .domain = {},
                   .uri = {}};
  entry.gdb_socket = "/tmp/ringside-nothing/gdb";
  ASSERT_TRUE(journal.write(entry));
  const auto replayed = replay();
  ASSERT_EQ(replayed.size(), 1u);
  EXPECT_EQ(replayed[0].entry, entry);
}

TEST_F(FreezeJournalTest, LeavesALivingOwnersGuestAlone) {
  entry.owner = ::getpid();
  entry.owner_start = *process_start(::getpid());
  ASSERT_TRUE(journal.write(entry));
  EXPECT_TRUE(replay().empty());
  EXPECT_EQ(qemu->status, "paused");
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(FreezeJournalTest, IsNotFooledByAReusedOwnerPid) {
  entry.owner = ::getpid();
  entry.owner_start = *process_start(::getpid()) - 1;
  ASSERT_TRUE(journal.write(entry));
  EXPECT_EQ(replay().size(), 1u);
  EXPECT_EQ(qemu->status, "running");
}

TEST_F(FreezeJournalTest, LeavesAGuestPausedThatWasPausedBefore) {
  entry.was_running = false;
  ASSERT_TRUE(journal.write(entry));
  EXPECT_TRUE(replay().at(0).outcome);
  EXPECT_EQ(qemu->status, "paused");
  EXPECT_THAT(qemu->calls, Not(Contains("cont")));
}

TEST_F(FreezeJournalTest, LeavesAGuestAloneThatIsNoLongerPaused) {
  for (const char* state : {"running", "shutdown", "internal-error", "debug", "io-error"}) {
    qemu->status = state;
    ASSERT_TRUE(journal.write(entry));
    EXPECT_TRUE(replay().at(0).outcome);
    EXPECT_EQ(qemu->status, state);
  }
  EXPECT_THAT(qemu->calls, Not(Contains("cont")));
}

TEST_F(FreezeJournalTest, EndsTheLeftOverGdbstubAndRemovesItsFolder) {
  auto directory = PrivateDirectory::create("/tmp", {});
  ASSERT_TRUE(directory);
  entry.gdb_socket = directory->path() + "/gdb";
  (void)qemu->monitor_command("gdbserver unix:" + entry.gdb_socket + ",server=on,wait=off");
  ASSERT_EQ(qemu->gdb_socket, entry.gdb_socket);
  qemu->status = "debug";
  ASSERT_TRUE(journal.write(entry));
  EXPECT_TRUE(replay().at(0).outcome);
  EXPECT_EQ(qemu->gdb_socket, "");
  EXPECT_EQ(qemu->status, "running");
  EXPECT_FALSE(std::filesystem::exists(directory->path()));
}

TEST_F(FreezeJournalTest, LeavesSomebodyElsesGdbstubAlone) {
  entry.gdb_socket = "/tmp/ringside-nothing/gdb";
  qemu->someone_elses_gdbstub = true;
  ASSERT_TRUE(journal.write(entry));
  EXPECT_TRUE(replay().at(0).outcome);
  EXPECT_THAT(qemu->calls, Not(Contains("human-monitor-command gdbserver none")));
  EXPECT_EQ(qemu->status, "running");
}

TEST_F(FreezeJournalTest, RemovesNoFolderThatIsNotItsOwn) {
  std::filesystem::create_directory(folder.file("mine"));
  std::ofstream(folder.file("mine/gdb")) << "kept";
  entry.gdb_socket = folder.file("mine/gdb");
  ASSERT_TRUE(journal.write(entry));
  EXPECT_TRUE(replay().at(0).outcome);
  EXPECT_TRUE(std::filesystem::exists(folder.file("mine/gdb")));
}

TEST_F(FreezeJournalTest, KeepsWhatItCannotReachNow) {
  qemu->accepts_monitors = false;
  ASSERT_TRUE(journal.write(entry));
  EXPECT_FALSE(replay().at(0).outcome);
  EXPECT_EQ(files().size(), 1u);
  qemu->accepts_monitors = true;
  EXPECT_TRUE(replay().at(0).outcome);
  EXPECT_EQ(qemu->status, "running");
}

TEST_F(FreezeJournalTest, DropsAnEndedQemu) {
  std::tie(entry.qemu, entry.qemu_start) = ended_process();
  qemu->accepts_monitors = false;
  ASSERT_TRUE(journal.write(entry));
  EXPECT_EQ(replay().at(0).outcome.error().code, Errc::gone);
  EXPECT_TRUE(files().empty());
}

TEST_F(FreezeJournalTest, NeverResumesAnotherQemuAtTheSameSocket) {
  std::tie(entry.qemu, entry.qemu_start) = ended_process();
  ASSERT_TRUE(journal.write(entry));
  EXPECT_EQ(replay().at(0).outcome.error().code, Errc::gone);
  EXPECT_EQ(qemu->status, "paused");
  EXPECT_THAT(qemu->calls, Not(Contains("cont")));
  EXPECT_TRUE(files().empty());
}

TEST_F(FreezeJournalTest, LooksAtOneGuestAloneWhenAskedTo) {
  ASSERT_TRUE(journal.write(entry));
  EXPECT_TRUE(journal.replay(connectors_to(qemu), unix_endpoint("/another/qmp")).empty());
  EXPECT_EQ(journal.replay(connectors_to(qemu), fake_endpoint()).size(), 1u);
}

TEST_F(FreezeJournalTest, ARelativeSocketPathIsFoundFromElsewhere) {
  entry.monitor.path = "qmp.sock";
  ASSERT_TRUE(journal.write(entry));
  EXPECT_EQ(replay().at(0).entry.monitor.path, (std::filesystem::current_path() / "qmp.sock").string());
}

class Corrupt : public FreezeJournalTest, public ::testing::WithParamInterface<std::string> {};
TEST_P(Corrupt, IsPutAsideAndStopsNoOther) {
  ASSERT_TRUE(journal.write(entry));
  std::ofstream(journal.directory() + "/0-0-0.freeze", std::ios::binary) << GetParam();
  const auto replayed = replay();
  ASSERT_EQ(replayed.size(), 2u);
  EXPECT_EQ(replayed[0].outcome.error().code, Errc::malformed);
  EXPECT_TRUE(replayed[1].outcome);
  EXPECT_EQ(qemu->status, "running");
  EXPECT_THAT(files(), ::testing::ElementsAre("0-0-0.freeze.corrupt"));
  EXPECT_TRUE(replay().empty());
}
INSTANTIATE_TEST_SUITE_P(Files, Corrupt,
                         ::testing::Values("", "{", "[]", "null", R"({"version":1})", R"({"version":2})",
                                           R"({"version":1,"monitor":7})", std::string(100'000, ' '),
                                           std::string("\0\xff", 2)));

TEST_F(FreezeJournalTest, AMissingDirectoryHoldsNothing) {
  EXPECT_TRUE(replay().empty());
}

}  // namespace
}  // namespace ringside::guest::live
