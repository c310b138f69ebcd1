// SPDX-License-Identifier: Apache-2.0
#include "agent/store/journal.h"

#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/store/some_finding.h"

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto state = StateDatabase::open(folder_.file("agent.db"));
    ASSERT_TRUE(state.has_value()) << state.error().message;
    state_ = std::move(*state);
    journal_.emplace(*state_);
  }
  std::string add(int number) {
    const auto entry = journal_->append("test.kind", {{"number", number}}, at(number));
    EXPECT_TRUE(entry.has_value()) << entry.error().message;
    return entry ? entry->hash : "";
  }
  void add_ten() {
    for (int i = 1; i <= 10; ++i) head_ = add(i);
  }
  /// What somebody else does to the file.
  void tamper(const char* sql) {
    SQLite::Database database(folder_.file("agent.db"), SQLite::OPEN_READWRITE, 1000);
    database.exec(sql);
  }
  std::string broken(const std::string& known_head = {}) {
    const auto verified = journal_->verify(known_head);
    EXPECT_TRUE(verified.has_value()) << verified.error().message;
    return verified ? verified->broken.value_or("") : "?";
  }
  testing::TemporaryDirectory folder_;
  std::unique_ptr<StateDatabase> state_;
  std::optional<Journal> journal_;
  std::string head_;
};

TEST_F(JournalTest, AnEmptyOneIsWhole) {
  EXPECT_EQ(broken(), "");
  EXPECT_EQ(journal_->verify()->head, "");
}

TEST_F(JournalTest, EntriesAreNumberedWithoutGapsAndComeBackAsWritten) {
  add_ten();
  const auto entries = journal_->read(3, 2);
  ASSERT_TRUE(entries.has_value());
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].number, 3u);
  EXPECT_EQ((*entries)[0].at, at(3));
  EXPECT_EQ((*entries)[0].kind, "test.kind");
  EXPECT_EQ((*entries)[1].body, (Json{{"number", 4}}));
  const auto verified = journal_->verify();
  EXPECT_EQ(verified->entries, 10u);
  EXPECT_EQ(verified->head, head_);
  EXPECT_EQ(broken(), "");
}

TEST_F(JournalTest, JoinsTheTransactionThatItIsCalledIn) {
  const auto done = state_->transaction([&](SQLite::Database&) -> Result<void> {
    add(1);
    return fail(Errc::unavailable, "no");
  });
  EXPECT_FALSE(done.has_value());
  EXPECT_EQ(journal_->verify()->entries, 0u);
  add(2);
  EXPECT_EQ(journal_->read(0, 10)->front().number, 1u);
  EXPECT_EQ(broken(), "");
}

TEST_F(JournalTest, AnEditOfAnyFieldIsFoundAndNamed) {
  add_ten();
  for (const char* edit : {"body = replace(body, '5', '6')", "at = at + 1", "kind = 'test.king'",
                           "hash = replace(hash, substr(hash, 1, 1), 'x')"}) {
    tamper("CREATE TABLE kept AS SELECT * FROM journal");
    tamper((std::string("UPDATE journal SET ") + edit + " WHERE number = 5").c_str());
    EXPECT_TRUE(broken().starts_with("entry 5 was changed")) << edit << ": " << broken();
    tamper("DELETE FROM journal; INSERT INTO journal SELECT * FROM kept; DROP TABLE kept");
    EXPECT_EQ(broken(), "");
  }
}

TEST_F(JournalTest, TheFirstPlaceIsNamed) {
  add_ten();
  tamper("UPDATE journal SET body = '{}' WHERE number IN (4, 8)");
  EXPECT_TRUE(broken().starts_with("entry 4 was changed")) << broken();
}

TEST_F(JournalTest, DeletedEntriesAreFound) {
  add_ten();
  tamper("DELETE FROM journal WHERE number = 5");
  EXPECT_EQ(broken(), "entry 5 is missing");
  tamper("DELETE FROM journal WHERE number IN (4, 6)");
  EXPECT_EQ(broken(), "entries 4 to 6 are missing");
  tamper("DELETE FROM journal WHERE number < 4");
  EXPECT_EQ(broken(), "entries 1 to 6 are missing");
}

TEST_F(JournalTest, ClosingTheGapIsFound) {
  add_ten();
  tamper("DELETE FROM journal WHERE number = 5; UPDATE journal SET number = 5 WHERE number = 6");
  EXPECT_TRUE(broken().starts_with("entry 5 was changed")) << broken();
}

TEST_F(JournalTest, InsertedEntriesAreFound) {
  add_ten();
  tamper("INSERT INTO journal SELECT 11, at, kind, body, hash FROM journal WHERE number = 10");
  EXPECT_FALSE(broken().empty());
  tamper(
      "DELETE FROM journal WHERE number = 11; INSERT INTO journal SELECT 0, at, kind, body, hash FROM "
      "journal "
      "WHERE number = 1");
  EXPECT_EQ(broken(), "entry 0 should not be there");
}

TEST_F(JournalTest, ReorderedEntriesAreFound) {
  add_ten();
  tamper(
      "UPDATE journal SET number = -1 WHERE number = 5; UPDATE journal SET number = 5 WHERE number = 6;"
      "UPDATE journal SET number = 6 WHERE number = -1");
  EXPECT_TRUE(broken().starts_with("entry 5 was changed")) << broken();
}

TEST_F(JournalTest, ATailThatWasCutOffIsFound) {
  add_ten();
  tamper("DELETE FROM journal WHERE number = 10");
  EXPECT_EQ(broken(), "entry 10, the last one, is missing");
  tamper("DELETE FROM journal WHERE number > 7");
  EXPECT_EQ(broken(), "entries 8 to 10, the last ones, are missing");
  tamper("DELETE FROM journal");
  EXPECT_EQ(broken(), "entries 1 to 10, the last ones, are missing");
}

TEST_F(JournalTest, ACutTailStaysVisibleWhenTheJournalGoesOn) {
  add_ten();
  tamper("DELETE FROM journal WHERE number > 7");
  add(11);
  EXPECT_EQ(broken(), "entries 8 to 10 are missing");
}

TEST_F(JournalTest, ARemovedHeadIsFoundAlsoLater) {
  add_ten();
  tamper("DELETE FROM journal WHERE number > 7; DELETE FROM journal_head");
  EXPECT_EQ(broken(), "the head was removed (the last entry is 7)");
  add(8);
  EXPECT_TRUE(broken().starts_with("entry 8 was changed")) << broken();
}

TEST_F(JournalTest, OnlyAKnownHeadShowsThatTailAndHeadWereBothSetBack) {
  add_ten();
  tamper(
      "DELETE FROM journal WHERE number > 7;"
      "UPDATE journal_head SET number = 7, hash = (SELECT hash FROM journal WHERE number = 7)");
  EXPECT_EQ(broken(), "");
  EXPECT_NE(broken(head_).find("is not in the journal"), std::string::npos);
}

TEST_F(JournalTest, AnEarlierHeadIsStillInAJournalThatWentOn) {
  add_ten();
  const std::string noted = head_;
  add(11);
  EXPECT_EQ(broken(noted), "");
}

TEST_F(JournalTest, AKnownHeadThatIsNoHashIsRefused) {
  for (const char* head : {"1234", "x", "ABCD"}) {
    const auto verified = journal_->verify(head);
    ASSERT_FALSE(verified.has_value());
    EXPECT_EQ(verified.error().code, Errc::invalid_argument);
  }
}

TEST_F(JournalTest, TextsDoNotFlowIntoEachOther) {
  ASSERT_TRUE(journal_->append("a", "bc", at(1)).has_value());
  tamper("UPDATE journal SET kind = 'a\"', body = 'bc\"'");
  EXPECT_FALSE(broken().empty());
}

TEST_F(JournalTest, ABodyThatIsNoJsonIsAnErrorToReadAndFoundByVerify) {
  add_ten();
  tamper("UPDATE journal SET body = '{' WHERE number = 5");
  const auto entries = journal_->read(1, 10);
  ASSERT_FALSE(entries.has_value());
  EXPECT_EQ(entries.error().code, Errc::malformed);
  EXPECT_FALSE(broken().empty());
}

TEST_F(JournalTest, BytesThatAreNoTextAreReplacedAndHashedAsStored) {
  ASSERT_TRUE(journal_->append("test", {{"comm", "\xff\xfe"}}, at(1)).has_value());
  EXPECT_EQ(broken(), "");
  EXPECT_EQ(journal_->read(1, 1)->front().body["comm"], "\uFFFD\uFFFD");
}

TEST_F(JournalTest, TheHighestNumberCannotBePassed) {
  add_ten();
  tamper("UPDATE journal SET number = 9223372036854775807 WHERE number = 10");
  const auto entry = journal_->append("test", {}, at(1));
  ASSERT_FALSE(entry.has_value());
  EXPECT_EQ(entry.error().code, Errc::malformed);
}

}  // namespace
}  // namespace ringside::agent
