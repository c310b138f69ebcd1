// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/hook_source.h"

#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/sources/bound_socket.h"
#include "tests/unit/agent/sources/news_log.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

namespace ringside::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kUuid = "11111111-2222-3333-4444-555555555555";

std::string message(const std::string& operation, const std::string& suboperation,
                    const std::string& uuid = kUuid) {
  return R"({"version":1,"operation":")" + operation + R"(","suboperation":")" + suboperation +
         R"(","name":"web 1","uuid":")" + uuid + R"(","extra":"-"})";
}

bool send(const std::string& path, const std::string& datagram) {
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool sent =
      ::sendto(descriptor, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&address),
               sizeof address) == static_cast<ssize_t>(datagram.size());
  ::close(descriptor);
  return sent;
}

/// Waits for a condition that will come, with a limit that no healthy machine reaches.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class HookSourceTest : public ::testing::Test {
 protected:
  HookSource::Options options() const { return {directory_.file("hook.sock"), "qemu:///system", {}, {}}; }

  ringside::testing::TemporaryDirectory directory_;
  NewsLog news_;
};

TEST_F(HookSourceTest, ADomainThatStartsAndStopsIsToldOf) {
  HookSource source(options());
  ASSERT_TRUE(source.start(news_.teller()).has_value());
  ASSERT_TRUE(send(options().socket, message("prepare", "begin")));
  ASSERT_TRUE(send(options().socket, message("start", "begin")));
  ASSERT_TRUE(send(options().socket, message("started", "begin")));
  EXPECT_THAT(news_.wait_for(1), ElementsAre("+hook:" + kUuid));
  const GuestCandidate told = news_.all()[0].candidate;
  EXPECT_EQ(told.name, "web 1");
  EXPECT_EQ(told.uuid, kUuid);
  EXPECT_EQ(io::to_string(told.endpoint), "libvirt:" + kUuid + "@qemu:///system");
  ASSERT_TRUE(send(options().socket, message("stopped", "end")));
  ASSERT_TRUE(send(options().socket, message("release", "end")));
  EXPECT_THAT(news_.wait_for(2), ElementsAre("+hook:" + kUuid, "-hook:" + kUuid));
  EXPECT_TRUE(eventually([&] { return source.counters().taken == 5; }));
}

TEST_F(HookSourceTest, ADomainThatLibvirtFindsAgainIsToldOfOnce) {
  HookSource source(options());
  ASSERT_TRUE(source.start(news_.teller()).has_value());
  ASSERT_TRUE(send(options().socket, message("reconnect", "begin")));
  ASSERT_TRUE(send(options().socket, message("reconnect", "begin")));
  ASSERT_TRUE(eventually([&] { return source.counters().taken == 2; }));
  EXPECT_THAT(news_.lines(), ElementsAre("+hook:" + kUuid));
}

TEST_F(HookSourceTest, ADomainThatIsStartedTwiceHadEndedInBetween) {
  HookSource source(options());
  ASSERT_TRUE(source.start(news_.teller()).has_value());
  ASSERT_TRUE(send(options().socket, message("started", "begin")));
  ASSERT_TRUE(send(options().socket, message("started", "begin")));
  EXPECT_THAT(news_.wait_for(3), ElementsAre("+hook:" + kUuid, "-hook:" + kUuid, "+hook:" + kUuid));
}

TEST_F(HookSourceTest, JunkIsCountedAndDoesNoHarm) {
  HookSource source(options());
  ASSERT_TRUE(source.start(news_.teller()).has_value());
  const std::vector<std::string> junk = {"",
                                         "{",
                                         "[]",
                                         "null",
                                         std::string(100, '['),
                                         std::string(kHookMessageBound + 1, ' '),
                                         message("started", "begin", "no uuid"),
                                         R"({"version":2})"};
  for (const std::string& datagram : junk) ASSERT_TRUE(send(options().socket, datagram));
  ASSERT_TRUE(send(options().socket, message("started", "begin")));
  EXPECT_THAT(news_.wait_for(1), ElementsAre("+hook:" + kUuid));
  EXPECT_EQ(source.counters().junk, junk.size());
  EXPECT_THAT(source.describe(), HasSubstr("8 of junk"));
}

TEST_F(HookSourceTest, StrangersAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to send as another user";
  auto mine = options();
  constexpr uid_t kStranger = 54321, kQemu = 54322;
  mine.users = {kQemu};
  HookSource source(mine);
  ASSERT_TRUE(source.start(news_.teller()).has_value());
  ASSERT_EQ(::chmod(mine.socket.c_str(), 0777), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  const auto send_as = [&](uid_t user) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::setuid(user) == 0 && send(mine.socket, message("started", "begin")) ? 0 : 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  };
  ASSERT_EQ(send_as(kStranger), 0);
  ASSERT_TRUE(eventually([&] { return source.counters().refused == 1; }));
  EXPECT_THAT(news_.lines(), IsEmpty());
  ASSERT_EQ(send_as(kQemu), 0);
  EXPECT_THAT(news_.wait_for(1), ElementsAre("+hook:" + kUuid));
}

TEST_F(HookSourceTest, TheSocketIsForOwnerAndGroup) {
  HookSource source(options());
  ASSERT_TRUE(source.start(news_.teller()).has_value());
  struct stat info {};
  ASSERT_EQ(::stat(options().socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660u);
}

TEST_F(HookSourceTest, ADeadAgentsSocketIsReplacedAndALivingOnesIsNot) {
  { const BoundSocket dead(options().socket, SOCK_DGRAM); }
  HookSource source(options());
  ASSERT_TRUE(source.start(news_.teller()).has_value());
  HookSource second(options());
  const auto refused = second.start(news_.teller());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::refused);
  EXPECT_TRUE(send(options().socket, message("started", "begin"))) << "the first one still listens";
}

TEST_F(HookSourceTest, WhatIsNoSocketIsLeftAlone) {
  std::ofstream(options().socket) << "precious";
  HookSource source(options());
  EXPECT_FALSE(source.start(news_.teller()).has_value());
  std::string held;
  std::ifstream(options().socket) >> held;
  EXPECT_EQ(held, "precious");
}

TEST_F(HookSourceTest, AMissingDirectoryIsNamed) {
  auto mine = options();
  mine.socket = directory_.file("missing/hook.sock");
  HookSource source(mine);
  const auto started = source.start(news_.teller());
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error().hint, HasSubstr("missing"));
}

TEST(HookMessage, TakesWhatTheHookSends) {
  const auto parsed = parse_hook_message(message("release", "end"));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->operation, "release");
  EXPECT_EQ(parsed->suboperation, "end");
  EXPECT_EQ(parsed->name, "web 1");
}

TEST(HookMessage, NamesThatWouldBePathsOrTerminalCodesAreRefused) {
  for (const char* name : {"", "a/b", "a\\u001bb", "a\\u0000b"}) {
    const auto parsed =
        parse_hook_message(R"({"version":1,"operation":"started","suboperation":"begin","name":")" +
                           std::string(name) + R"(","uuid":")" + kUuid + R"(","extra":"-"})");
    EXPECT_FALSE(parsed.has_value()) << name;
  }
}

}  // namespace
}  // namespace ringside::agent
