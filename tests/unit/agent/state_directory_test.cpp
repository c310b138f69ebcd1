// SPDX-License-Identifier: Apache-2.0
#include "agent/state_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

namespace ringside::agent {
namespace {

TEST(StateDirectory, TheVariableWins) {
  EXPECT_EQ(StateDirectory::locate({"/srv/state", "/x", "/home/a", true}), "/srv/state");
}

TEST(StateDirectory, RootUsesVarLib) {
  EXPECT_EQ(StateDirectory::locate({"", "/x", "/root", true}), "/var/lib/ringside");
}

TEST(StateDirectory, UsersUseTheXdgStateFolder) {
  EXPECT_EQ(StateDirectory::locate({"", "/x", "/home/a", false}), "/x/ringside");
  EXPECT_EQ(StateDirectory::locate({"", "", "/home/a", false}), "/home/a/.local/state/ringside");
}

TEST(StateDirectory, ARelativeXdgFolderIsIgnored) {
  EXPECT_EQ(StateDirectory::locate({"", "state", "/home/a", false}), "/home/a/.local/state/ringside");
}

TEST(StateDirectory, SaysWhatToSetWhereThereIsNoHome) {
  const auto located = StateDirectory::locate({"", "", "", false});
  ASSERT_FALSE(located.has_value());
  EXPECT_EQ(located.error().hint, "set RINGSIDE_STATE_DIR");
}

TEST(StateDirectory, IsMadeForItsOwnerOnly) {
  const auto path = std::filesystem::path(testing::TempDir()) / "ringside-state-test" / "deep";
  std::filesystem::remove_all(path.parent_path());
  ::setenv("RINGSIDE_STATE_DIR", path.c_str(), 1);
  const auto state = StateDirectory::open();
  ::unsetenv("RINGSIDE_STATE_DIR");
  ASSERT_TRUE(state.has_value()) << state.error().message;
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  std::filesystem::remove_all(path.parent_path());
}

}  // namespace
}  // namespace ringside::agent
