// SPDX-License-Identifier: Apache-2.0
// packaging/libvirt/50-ringside as libvirt runs it: whatever happens, it succeeds, in silence, and ends.
#include "agent/sources/hook_source.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/sources/bound_socket.h"
#include "tests/unit/agent/sources/news_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace ringside::agent {
namespace {

using ::testing::ElementsAre;

const std::string kUuid = "11111111-2222-3333-4444-555555555555";

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class LibvirtHookTest : public ::testing::Test {
 protected:
  void SetUp() override { install(RINGSIDE_HOOK_HELPER); }

  /// The hook with its two paths set, as an installation would have them.
  void install(const std::string& helper) {
    std::string script = text_of(RINGSIDE_SOURCE_DIR "/packaging/libvirt/50-ringside");
    replace(script, "/usr/libexec/ringside/ringside-hook", helper);
    replace(script, "/run/ringside/hook.sock", socket());
    std::ofstream(directory_.file("hook")) << script;
  }
  static void replace(std::string& text, const std::string& what, const std::string& by) {
    const std::size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    text.replace(at, what.size(), by);
  }
  std::string socket() const { return directory_.file("hook.sock"); }

  /// Its exit status; -1: it did not end. What it printed is in the files out and err.
  int run(const std::string& operation, const std::string& suboperation, const std::string& name = "web 1",
          bool hold_input_open = false) {
    int input[2] = {-1, -1};
    EXPECT_EQ(::pipe2(input, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(input[0], 0);
      ::dup2(::open(directory_.file("out").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 1);
      ::dup2(::open(directory_.file("err").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 2);
      const std::string hook = directory_.file("hook");
      ::execl("/bin/sh", "sh", hook.c_str(), name.c_str(), operation.c_str(), suboperation.c_str(), "-",
              nullptr);
      ::_exit(127);
    }
    // Open until the hook has ended: one that reads nothing must not end this test by SIGPIPE.
    const std::string xml = "<domain type='qemu' id='1'>\n  <name>web 1</name>\n  <uuid>" + kUuid +
                            "</uuid>\n  <memory>1</memory>\n</domain>\n";
    if (!hold_input_open) {
      EXPECT_EQ(::write(input[1], xml.data(), xml.size()), static_cast<ssize_t>(xml.size()));
      ::close(input[1]);
    }
    int status = -1;
    bool ended = false;
    for (int i = 0; i < 3000 && !ended; ++i) {
      ended = ::waitpid(child, &status, WNOHANG) == child;
      if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (!ended) ::kill(child, SIGKILL);
    if (hold_input_open) ::close(input[1]);
    ::close(input[0]);
    return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void expect_silence() const {
    EXPECT_EQ(text_of(directory_.file("out")), "");
    EXPECT_EQ(text_of(directory_.file("err")), "");
  }

  ringside::testing::TemporaryDirectory directory_;
};

TEST_F(LibvirtHookTest, TheAgentHearsOfADomainThatStarts) {
  HookSource source({socket(), "qemu:///system", {}, {}});
  NewsLog news;
  ASSERT_TRUE(source.start(news.teller()).has_value());
  EXPECT_EQ(run("started", "begin", "a \"quoted\\ name"), 0);
  EXPECT_THAT(news.wait_for(1), ElementsAre("+hook:" + kUuid));
  EXPECT_EQ(news.all()[0].candidate.name, "a \"quoted\\ name");
  EXPECT_EQ(run("stopped", "end"), 0);
  EXPECT_THAT(news.wait_for(2), ElementsAre("+hook:" + kUuid, "-hook:" + kUuid));
  expect_silence();
}

TEST_F(LibvirtHookTest, WithoutAnAgentItSucceedsInSilence) {
  EXPECT_EQ(run("prepare", "begin"), 0) << "there is no socket";
  expect_silence();
  { const BoundSocket dead(socket(), SOCK_DGRAM); }
  EXPECT_EQ(run("start", "begin"), 0) << "nobody listens on it";
  expect_silence();
}

TEST_F(LibvirtHookTest, AMissingDirectoryOrProgramDoesNotMatter) {
  install(directory_.file("not/there"));
  EXPECT_EQ(run("migrate", "begin"), 0);
  expect_silence();
}

TEST_F(LibvirtHookTest, ASocketThatIsFullDoesNotHoldLibvirtUp) {
  const BoundSocket agent(socket(), SOCK_DGRAM);  // which reads nothing
  const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket().data(), socket().size());
  ASSERT_EQ(::connect(sender, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  int sent = 0;
  while (::send(sender, "x", 1, MSG_DONTWAIT) == 1) ++sent;
  ASSERT_EQ(errno, EAGAIN) << "after " << sent;
  EXPECT_EQ(run("started", "begin"), 0);
  expect_silence();
  ::close(sender);
}

TEST_F(LibvirtHookTest, InputThatNeverComesDoesNotHoldLibvirtUp) {
  const BoundSocket agent(socket(), SOCK_DGRAM);
  EXPECT_EQ(run("started", "begin", "web 1", /*hold_input_open=*/true), 0);
  expect_silence();
}

TEST_F(LibvirtHookTest, CalledWithoutArgumentsItSucceedsToo) {
  const std::string command = "sh " + directory_.file("hook") + " </dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace ringside::agent
