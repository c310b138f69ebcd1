// SPDX-License-Identifier: Apache-2.0
#include "agent/store/state_database.h"

#include "tests/support/temporary_directory.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace ringside::agent {
namespace {

class StateDatabaseTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_.file("agent.db"); }
  std::unique_ptr<StateDatabase> opened() {
    auto state = StateDatabase::open(path());
    EXPECT_TRUE(state.has_value()) << state.error().message;
    if (!state) return nullptr;
    const auto made = (*state)->transaction([](SQLite::Database& db) -> Result<void> {
      db.exec("CREATE TABLE IF NOT EXISTS note(text TEXT)");
      return {};
    });
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return std::move(*state);
  }
  static Result<void> note(StateDatabase& state, const std::string& text) {
    return state.transaction([&](SQLite::Database& db) -> Result<void> {
      SQLite::Statement insert(db, "INSERT INTO note VALUES(?)");
      insert.bind(1, text);
      insert.exec();
      return {};
    });
  }
  static std::string notes(StateDatabase& state) {
    std::string all;
    const auto read = state.reading([&](SQLite::Database& db) -> Result<void> {
      SQLite::Statement rows(db, "SELECT text FROM note ORDER BY rowid");
      while (rows.executeStep()) all += rows.getColumn(0).getString().substr(0, 20) + " ";
      return {};
    });
    EXPECT_TRUE(read.has_value()) << read.error().message;
    return all;
  }
  Error refused() {
    auto state = StateDatabase::open(path());
    EXPECT_FALSE(state.has_value());
    return state ? Error{} : state.error();
  }
  testing::TemporaryDirectory folder_;
};

TEST_F(StateDatabaseTest, IsMadeForItsOwnerOnly) {
  auto state = opened();
  ASSERT_TRUE(note(*state, "one").has_value());
  for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
    struct stat status {};
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << file.path();
  }
}

TEST_F(StateDatabaseTest, KeepsWhatWasCommittedAndIsNotMadeTwice) {
  ASSERT_TRUE(note(*opened(), "one").has_value());
  EXPECT_EQ(notes(*opened()), "one ");
}

TEST_F(StateDatabaseTest, AFailureUndoesTheWholeTransaction) {
  auto state = opened();
  const auto done = state->transaction([&](SQLite::Database&) -> Result<void> {
    RINGSIDE_CHECK(note(*state, "one"));
    return fail(Errc::unavailable, "no");
  });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::unavailable);
  EXPECT_EQ(notes(*state), "");
}

TEST_F(StateDatabaseTest, AnExceptionUndoesItTooAndTheNextOneWorks) {
  auto state = opened();
  EXPECT_THROW((void)state->transaction([&](SQLite::Database&) -> Result<void> {
    RINGSIDE_CHECK(note(*state, "one"));
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  ASSERT_TRUE(note(*state, "two").has_value());
  EXPECT_EQ(notes(*state), "two ");
}

TEST_F(StateDatabaseTest, APartThatFailsIsUndoneAloneIfTheWholeGoesOn) {
  auto state = opened();
  const auto done = state->transaction([&](SQLite::Database&) -> Result<void> {
    RINGSIDE_CHECK(note(*state, "one"));
    const auto part = state->transaction([&](SQLite::Database& db) -> Result<void> {
      RINGSIDE_CHECK(note(*state, "two"));
      db.exec("INSERT INTO nowhere VALUES(1)");
      return {};
    });
    EXPECT_FALSE(part.has_value());
    return note(*state, "three");
  });
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(notes(*state), "one three ");
}

TEST_F(StateDatabaseTest, SqlErrorsAreValues) {
  auto state = opened();
  const auto done = state->transaction([](SQLite::Database& db) -> Result<void> {
    db.exec("INSERT INTO nowhere VALUES(1)");
    return {};
  });
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::io);
  EXPECT_NE(done.error().message.find("no such table: nowhere"), std::string::npos) << done.error().message;
}

TEST_F(StateDatabaseTest, WhatWasCommittedSurvivesAKillAndTheRestIsGone) {
  { auto state = opened(); }
  const pid_t child = ::fork();
  if (child == 0) {
    auto state = StateDatabase::open(path());
    if (!state || !note(**state, "kept")) ::_exit(1);
    (void)(*state)->transaction([&](SQLite::Database&) -> Result<void> {
      // Enough that pages are written out before the commit that never comes.
      for (int i = 0; i < 3000; ++i)
        if (!note(**state, std::string(4000, 'x'))) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
      return {};
    });
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  auto state = opened();
  EXPECT_EQ(notes(*state), "kept ");
  ASSERT_TRUE(note(*state, "more").has_value());
  EXPECT_EQ(notes(*state), "kept more ");
}

TEST_F(StateDatabaseTest, TwoProcessesTakeTurns) {
  { auto state = opened(); }
  constexpr int kEach = 50;
  const pid_t child = ::fork();
  if (child == 0) {
    auto state = StateDatabase::open(path());
    if (!state) ::_exit(1);
    for (int i = 0; i < kEach; ++i)
      if (!note(**state, "child")) ::_exit(1);
    ::_exit(0);
  }
  auto state = opened();
  for (int i = 0; i < kEach; ++i) ASSERT_TRUE(note(*state, "parent").has_value());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  std::int64_t count = 0;
  ASSERT_TRUE(state
                  ->reading([&](SQLite::Database& db) -> Result<void> {
                    count = db.execAndGet("SELECT count(*) FROM note").getInt64();
                    return {};
                  })
                  .has_value());
  EXPECT_EQ(count, 2 * kEach);
}

TEST_F(StateDatabaseTest, AFullDiskIsSaidAndLaterWritesWorkAgain) {
  auto state = opened();
  ASSERT_TRUE(note(*state, "one").has_value());
  ASSERT_TRUE(state
                  ->reading([](SQLite::Database& db) -> Result<void> {
                    db.exec("PRAGMA max_page_count = 40");  // SQLITE_FULL, as a full disk gives it
                    return {};
                  })
                  .has_value());
  const auto full = state->transaction([&](SQLite::Database&) -> Result<void> {
    RINGSIDE_CHECK(note(*state, "two"));
    const auto large = note(*state, std::string(1 << 20, 'x'));
    EXPECT_FALSE(large.has_value());
    return fail(large.error());
  });
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, Errc::io);
  EXPECT_NE(full.error().message.find("the disk is full"), std::string::npos) << full.error().message;
  EXPECT_EQ(notes(*state), "one ");
  ASSERT_TRUE(note(*state, "three").has_value());
  EXPECT_EQ(notes(*state), "one three ");
}

TEST_F(StateDatabaseTest, FilesThatMayNotGrowDoNotHarmWhatWasKept) {
  // RLIMIT_FSIZE makes write() itself fail, in the log as in the database; in a child, for it cannot be taken
  // back.
  { auto state = opened(); }
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto state = StateDatabase::open(path());
    if (!state || !note(**state, "kept")) ::_exit(1);
    const rlimit bound{400'000, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &bound) != 0) ::_exit(2);
    if (note(**state, std::string(1 << 20, 'x'))) ::_exit(3);
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) ::_exit(4);
    ::_exit(note(**state, "after") ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(notes(*opened()), "kept after ");
}

TEST_F(StateDatabaseTest, WhatIsNoDatabaseIsRefusedWithWhatToDo) {
  std::ofstream(path()) << std::string(8192, 'x');
  const Error error = refused();
  EXPECT_EQ(error.code, Errc::malformed);
  EXPECT_NE(error.hint.find("move it away"), std::string::npos) << error.hint;
}

TEST_F(StateDatabaseTest, ADamagedPageIsRefusedAtTheStart) {
  {
    auto state = opened();
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(note(*state, std::string(2000, 'x')).has_value());
  }
  const auto size = std::filesystem::file_size(path());
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  // All but the header, so that it is the pages and not the first look that tells.
  file.seekp(8192);
  file << std::string(size - 8192, '\xa5');
  file.close();
  EXPECT_EQ(refused().code, Errc::malformed);
}

TEST_F(StateDatabaseTest, ATruncatedFileIsRefused) {
  {
    auto state = opened();
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(note(*state, std::string(2000, 'x')).has_value());
  }
  std::filesystem::resize_file(path(), 16384);
  EXPECT_EQ(refused().code, Errc::malformed);
}

TEST_F(StateDatabaseTest, ANewerVersionIsRefusedAsSuch) {
  { auto state = opened(); }
  SQLite::Database(path(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 1000");
  EXPECT_EQ(refused().code, Errc::mismatch);
}

TEST_F(StateDatabaseTest, AnotherProgramsDatabaseIsLeftAlone) {
  SQLite::Database(path(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE theirs(x)");
  EXPECT_EQ(refused().code, Errc::malformed);
  SQLite::Database again(path(), SQLite::OPEN_READONLY);
  EXPECT_TRUE(again.tableExists("theirs"));
  EXPECT_FALSE(again.tableExists("journal"));
}

TEST_F(StateDatabaseTest, AFolderThatIsNotThereIsAnError) {
  auto state = StateDatabase::open(folder_.file("nowhere/agent.db"));
  ASSERT_FALSE(state.has_value());
  EXPECT_EQ(state.error().code, Errc::io);
}

}  // namespace
}  // namespace ringside::agent
