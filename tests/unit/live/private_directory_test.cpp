// SPDX-License-Identifier: Apache-2.0
#include "guest/live/private_directory.h"

#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ringside::guest::live {
namespace {

namespace fs = std::filesystem;

io::Endpoint unix_endpoint(const std::string& path) {
  io::Endpoint endpoint;
  endpoint.path = path;
  return endpoint;
}

TEST(PrivateDirectory, IsFreshAndForItsOwnerOnly) {
  ringside::testing::TemporaryDirectory base;
  const auto one = PrivateDirectory::create(base.path().string(), {});
  const auto two =
      PrivateDirectory::create(base.path().string(), io::PeerCredentials{1, ::geteuid(), ::getegid()});
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  EXPECT_NE(one->path(), two->path());
  struct stat info {};
  ASSERT_EQ(::stat(one->path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
}

TEST(PrivateDirectory, GoesWithItsFilesButFollowsNoLink) {
  ringside::testing::TemporaryDirectory base;
  std::ofstream(base.file("kept")) << "kept";
  {
    const auto directory = PrivateDirectory::create(base.path().string(), {});
    ASSERT_TRUE(directory);
    std::ofstream(directory->path() + "/file") << "x";
    fs::create_symlink(base.path(), directory->path() + "/link");
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(base.path()), fs::directory_iterator{}), 1);
  EXPECT_TRUE(fs::exists(base.file("kept")));
}

TEST(PrivateDirectory, ASwappedInLinkLeadsNowhere) {
  ringside::testing::TemporaryDirectory base;
  fs::create_directory(base.file("other"));
  std::ofstream(base.file("other/kept")) << "kept";
  {
    const auto directory = PrivateDirectory::create(base.path().string(), {});
    fs::remove(directory->path());
    fs::create_directory_symlink(base.file("other"), directory->path());
  }
  EXPECT_TRUE(fs::exists(base.file("other/kept")));
}

TEST(PrivateDirectory, LetsQemusUserIn) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to have a second user";
  ringside::testing::TemporaryDirectory base;
  const auto directory = PrivateDirectory::create(base.path().string(), io::PeerCredentials{0, 12345, 12345});
  ASSERT_TRUE(directory) << directory.error().message;
  struct stat info {};
  ASSERT_EQ(::stat(directory->path().c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 12345u);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
}

TEST(PrivateDirectory, SaysWhereItCouldNotBeMade) {
  const auto directory = PrivateDirectory::create("/nowhere/at/all", {});
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, ::testing::HasSubstr("/nowhere/at/all"));
}

TEST(PrivateDirectoryBases, EndBesideQemusOwnSocket) {
  ::setenv("RUNTIME_DIRECTORY", "/run/ringside:/run/other", 1);
  EXPECT_THAT(private_directory_bases(unix_endpoint("/srv/vm/qmp")),
              ::testing::ElementsAre("/run/ringside", "/tmp", "/srv/vm"));
  ::unsetenv("RUNTIME_DIRECTORY");
  EXPECT_THAT(private_directory_bases(unix_endpoint("/tmp/qmp")), ::testing::ElementsAre("/tmp"));
}

TEST(PrivateDirectoryBases, LeaveOutWhatQemuWouldMisread) {
  for (const char* path : {"/srv/a,server=off/qmp", "/srv/with space/qmp", "/srv/qu\"ote/qmp"})
    EXPECT_THAT(private_directory_bases(unix_endpoint(path)), ::testing::ElementsAre("/tmp"));
}

}  // namespace
}  // namespace ringside::guest::live
