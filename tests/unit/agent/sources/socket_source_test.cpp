// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/socket_source.h"

#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/sources/bound_socket.h"
#include "tests/unit/agent/sources/news_log.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// Only inotify can have told in time: no rescan comes within a test.
constexpr std::chrono::hours kNever{1};

class SocketSourceTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.file(name); }
  std::unique_ptr<SocketSource> start(std::vector<std::string> patterns,
                                      std::chrono::milliseconds rescan = kNever) {
    for (std::string& pattern : patterns) pattern = path(pattern);
    auto source = std::make_unique<SocketSource>(SocketSource::Options{std::move(patterns), {}, rescan});
    const auto started = source->start(news_.teller());
    EXPECT_TRUE(started.has_value()) << started.error().message;
    return source;
  }
  std::string plus(const std::string& name) const { return "+socket:" + path(name); }
  std::string minus(const std::string& name) const { return "-socket:" + path(name); }

  ringside::testing::TemporaryDirectory directory_;
  NewsLog news_;
};

TEST_F(SocketSourceTest, TellsOfSocketsThatAreThereWhenItStarts) {
  const BoundSocket one(path("a.qmp")), two(path("b.qmp")), other(path("c.other"));
  std::ofstream(path("file.qmp")) << "no socket";
  fs::create_directory(path("directory.qmp"));
  const auto source = start({"*.qmp"});
  EXPECT_THAT(news_.lines(), UnorderedElementsAre(plus("a.qmp"), plus("b.qmp")));
  EXPECT_THAT(source->describe(), HasSubstr("2 guests"));
}

TEST_F(SocketSourceTest, ASocketComesAndGoes) {
  const auto source = start({"*.qmp"});
  EXPECT_THAT(news_.lines(), IsEmpty());
  {
    const BoundSocket socket(path("vm1.qmp"));
    EXPECT_THAT(news_.wait_for(1), ElementsAre(plus("vm1.qmp")));
  }
  fs::remove(path("vm1.qmp"));
  EXPECT_THAT(news_.wait_for(2), ElementsAre(plus("vm1.qmp"), minus("vm1.qmp")));
  EXPECT_EQ(news_.all()[0].candidate.name, "vm1");
  EXPECT_EQ(news_.all()[0].candidate.endpoint.path, path("vm1.qmp"));
  EXPECT_THAT(news_.all()[1].why, HasSubstr("removed"));
}

TEST_F(SocketSourceTest, AReplacedSocketIsAnotherGuest) {
  const BoundSocket first(path("vm.qmp"));
  const auto source = start({"vm.qmp"});
  const BoundSocket second(path("new"));
  fs::rename(path("new"), path("vm.qmp"));
  EXPECT_THAT(news_.wait_for(3), ElementsAre(plus("vm.qmp"), minus("vm.qmp"), plus("vm.qmp")));
}

TEST_F(SocketSourceTest, ASocketThatIsBoundAnewIsAnotherGuestEvenWithTheSameInode) {
  auto first = std::make_unique<BoundSocket>(path("vm.qmp"));
  const auto source = start({"vm.qmp"});
  first.reset();
  fs::remove(path("vm.qmp"));
  const BoundSocket second(path("vm.qmp"));
  EXPECT_THAT(news_.wait_for(3), ElementsAre(plus("vm.qmp"), minus("vm.qmp"), plus("vm.qmp")));
}

TEST_F(SocketSourceTest, AChangeOfModeIsNoReplacement) {
  const BoundSocket socket(path("vm.qmp"));
  const auto source = start({"*.qmp"}, std::chrono::milliseconds(5));
  ASSERT_EQ(::chmod(path("vm.qmp").c_str(), 0600), 0);
  const BoundSocket later(path("z.qmp"));
  EXPECT_THAT(news_.wait_for(2), ElementsAre(plus("vm.qmp"), plus("z.qmp")));
}

TEST_F(SocketSourceTest, DirectoriesNeedNotExistYet) {
  const auto source = start({"not/yet/there/*.sock"});
  fs::create_directories(path("not/yet"));
  fs::create_directory(path("not/yet/there"));
  const BoundSocket socket(path("not/yet/there/vm.sock"));
  EXPECT_THAT(news_.wait_for(1), ElementsAre(plus("not/yet/there/vm.sock")));
}

TEST_F(SocketSourceTest, AWholeTreeThatIsMovedIntoPlaceIsSeen) {
  fs::create_directories(path("elsewhere/vms"));
  const BoundSocket socket(path("elsewhere/vms/vm.sock"));
  const auto source = start({"place/vms/*.sock"});
  fs::rename(path("elsewhere"), path("place"));
  EXPECT_THAT(news_.wait_for(1), ElementsAre(plus("place/vms/vm.sock")));
  fs::rename(path("place"), path("elsewhere"));
  EXPECT_THAT(news_.wait_for(2), ElementsAre(plus("place/vms/vm.sock"), minus("place/vms/vm.sock")));
}

TEST_F(SocketSourceTest, WildcardsMayStandInTheMiddle) {
  fs::create_directories(path("vm1/run"));
  const BoundSocket first(path("vm1/run/qmp.sock"));
  const auto source = start({"vm*/run/qmp.sock"});
  EXPECT_THAT(news_.lines(), ElementsAre(plus("vm1/run/qmp.sock")));
  EXPECT_EQ(news_.all()[0].candidate.name, "run");
  fs::create_directories(path("other/run"));
  fs::create_directories(path("vm2/run"));
  const BoundSocket other(path("other/run/qmp.sock")), second(path("vm2/run/qmp.sock"));
  EXPECT_THAT(news_.wait_for(2), ElementsAre(plus("vm1/run/qmp.sock"), plus("vm2/run/qmp.sock")));
  fs::remove_all(path("vm1"));
  EXPECT_THAT(news_.wait_for(3),
              ElementsAre(plus("vm1/run/qmp.sock"), plus("vm2/run/qmp.sock"), minus("vm1/run/qmp.sock")));
}

TEST_F(SocketSourceTest, ADirectoryThatIsMadeAnewIsWatchedAgain) {
  fs::create_directory(path("vms"));
  const auto source = start({"vms/*.sock"});
  fs::remove(path("vms"));
  fs::create_directory(path("vms"));
  const BoundSocket socket(path("vms/vm.sock"));
  EXPECT_THAT(news_.wait_for(1), ElementsAre(plus("vms/vm.sock")));
}

TEST_F(SocketSourceTest, WhatInotifyCannotSeeIsFoundByARescan) {
  fs::create_directories(path("one"));
  fs::create_directories(path("two"));
  const BoundSocket socket(path("two/vm.sock"));
  fs::create_directory_symlink("one", path("link"));
  // "link" exists, so its own directory is watched and not the one that holds the link.
  const auto source = start({"link/*.sock"}, std::chrono::milliseconds(20));
  fs::remove(path("link"));
  fs::create_directory_symlink("two", path("link"));
  EXPECT_THAT(news_.wait_for(1), ElementsAre(plus("link/vm.sock")));
}

TEST_F(SocketSourceTest, ASocketThatTwoPatternsMatchIsOneGuest) {
  const BoundSocket socket(path("vm.qmp"));
  const auto source = start({"*.qmp", "vm.*"});
  EXPECT_THAT(news_.lines(), ElementsAre(plus("vm.qmp")));
}

TEST_F(SocketSourceTest, FilesOfOthersWakeNobody) {
  const auto source = start({"*.qmp"});
  for (int i = 0; i < 200; ++i) std::ofstream(path("noise" + std::to_string(i)));
  const BoundSocket socket(path("vm.qmp"));
  EXPECT_THAT(news_.wait_for(1), ElementsAre(plus("vm.qmp")));
}

TEST(SocketPattern, WatchesNoMoreThanItNeeds) {
  const ringside::testing::TemporaryDirectory directory;
  fs::create_directories(directory.file("run/vm1"));
  const auto pattern = SocketPattern::parse(directory.file("run/*/later/qmp.sock"));
  ASSERT_TRUE(pattern.has_value());
  std::map<std::string, std::set<std::string>> points;
  pattern->watch_points(points);
  EXPECT_EQ(points, (std::map<std::string, std::set<std::string>>{{directory.file("run"), {"*"}},
                                                                  {directory.file("run/vm1"), {"later"}}}));
}

TEST(SocketPattern, WhatNamesNoSocketIsRefused) {
  for (const char* text : {"", "/", "/run/"}) {
    const auto pattern = SocketPattern::parse(text);
    ASSERT_FALSE(pattern.has_value()) << text;
    EXPECT_EQ(pattern.error().code, Errc::invalid_argument);
  }
}

TEST(SocketPattern, GuestsAreCalledByWhatTheFileNameSays) {
  EXPECT_EQ(name_of_socket("/run/vm1.qmp.sock"), "vm1");
  EXPECT_EQ(name_of_socket("/run/vm1.sock"), "vm1");
  EXPECT_EQ(name_of_socket("/run/web.example.org.qmp"), "web.example.org");
  EXPECT_EQ(name_of_socket("/run/incus/vm1/qemu.monitor"), "vm1");
  EXPECT_EQ(name_of_socket("/run/qemu-server/101.qmp"), "101");
  EXPECT_EQ(name_of_socket("/qmp"), "qmp");
}

}  // namespace
}  // namespace ringside::agent
