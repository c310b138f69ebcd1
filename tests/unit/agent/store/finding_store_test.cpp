// SPDX-License-Identifier: Apache-2.0
#include "agent/store/finding_store.h"

#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/store/some_finding.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace ringside::agent {
namespace {

using News = FindingStore::News;
using State = FindingRecord::State;
using ::testing::ElementsAre;

class FindingStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    journal_.reset();
    state_.reset();
    auto state = StateDatabase::open(folder_.file("agent.db"));
    ASSERT_TRUE(state.has_value()) << state.error().message;
    state_ = std::move(*state);
    journal_.emplace(*state_);
    store_.emplace(*state_, *journal_);
  }
  FindingStore::Taken open(const FindingRecord& record, int seconds) {
    auto taken = store_->open(record, at(seconds));
    EXPECT_TRUE(taken.has_value()) << taken.error().message;
    return taken ? *taken : FindingStore::Taken{};
  }
  std::vector<std::string> journaled() {
    std::vector<std::string> kinds;
    EXPECT_TRUE(journal_
                    ->each([&](const Journal::Entry& entry) {
                      kinds.push_back(entry.kind);
                      return true;
                    })
                    .has_value());
    return kinds;
  }
  std::vector<std::string> listed(const FindingStore::Filter& filter) {
    std::vector<std::string> fingerprints;
    const auto records = store_->list(filter);
    for (const auto& record : *records) fingerprints.push_back(record.fingerprint);
    return fingerprints;
  }
  testing::TemporaryDirectory folder_;
  std::unique_ptr<StateDatabase> state_;
  std::optional<Journal> journal_;
  std::optional<FindingStore> store_;
};

TEST_F(FindingStoreTest, TheFirstSightIsNewsAndJournaled) {
  const auto taken = open(some_finding(), 1);
  EXPECT_EQ(taken.news, News::first);
  EXPECT_EQ(taken.record.id, finding_id(some_finding()));
  EXPECT_EQ(taken.record.first_seen, at(1));
  EXPECT_EQ(taken.record.count, 1u);
  EXPECT_THAT(journaled(), ElementsAre("finding.opened"));
  EXPECT_EQ(journal_->read(1, 1)->front().body["id"], taken.record.id);
}

TEST_F(FindingStoreTest, OneThatIsOpenIsNoNewsAndTakesWhatMoves) {
  open(some_finding(), 1);
  FindingRecord later = some_finding();
  later.message = "gate 14 leads to 0x2";
  later.row = {{"vector", 14}, {"handler", "0x2"}};
  later.title = "Another title";
  later.severity = policies::Severity::low;
  const auto taken = open(later, 5);
  EXPECT_EQ(taken.news, News::none);
  const auto kept = store_->find(taken.record.id);
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(*kept, taken.record);
  EXPECT_EQ(kept->message, later.message);
  EXPECT_EQ(kept->row, later.row);
  EXPECT_EQ(kept->title, some_finding().title);
  EXPECT_EQ(kept->severity, policies::Severity::high);
  EXPECT_EQ(kept->first_seen, at(1));
  EXPECT_EQ(kept->last_seen, at(5));
  EXPECT_EQ(kept->count, 1u);
  EXPECT_THAT(journaled(), ElementsAre("finding.opened"));
}

TEST_F(FindingStoreTest, EvidenceIsReplacedByEvidenceButNotByNone) {
  FindingRecord found = some_finding();
  found.evidence = {"a"};
  open(found, 1);
  EXPECT_THAT(open(some_finding(), 2).record.evidence, ElementsAre("a"));
  found.evidence = {"b"};
  EXPECT_THAT(open(found, 3).record.evidence, ElementsAre("b"));
  EXPECT_THAT(journaled(), ElementsAre("finding.opened", "finding.evidence"));
}

TEST_F(FindingStoreTest, OneThatComesBackIsTheSameRecordOpenedOnceMore) {
  const std::string id = open(some_finding(), 1).record.id;
  ASSERT_TRUE(store_->acknowledge(id, {"uid 0", "known", at(2)}).has_value());
  const auto resolved = store_->resolve(id, "no longer reported", at(3));
  ASSERT_TRUE(resolved.has_value() && resolved->has_value());
  EXPECT_EQ((*resolved)->state, State::resolved);
  EXPECT_EQ((*resolved)->resolved_at, at(3));
  EXPECT_TRUE((*resolved)->acknowledged.has_value());
  FindingRecord later = some_finding();
  later.title = "Another title";
  const auto taken = open(later, 9);
  EXPECT_EQ(taken.news, News::again);
  EXPECT_EQ(taken.record.id, id);
  EXPECT_EQ(taken.record.count, 2u);
  EXPECT_EQ(taken.record.first_seen, at(1));
  EXPECT_EQ(taken.record.last_seen, at(9));
  EXPECT_EQ(taken.record.title, "Another title");
  EXPECT_FALSE(taken.record.acknowledged.has_value());
  EXPECT_FALSE(taken.record.resolved_at.has_value());
  EXPECT_EQ(store_->list({})->size(), 1u);
  EXPECT_THAT(journaled(),
              ElementsAre("finding.opened", "finding.acknowledged", "finding.resolved", "finding.opened"));
}

TEST_F(FindingStoreTest, ResolvingWhatIsNotOpenIsNoNews) {
  EXPECT_FALSE(store_->resolve("0123456789ab", "", at(1))->has_value());
  const std::string id = open(some_finding(), 1).record.id;
  EXPECT_TRUE(store_->resolve(id, "", at(2))->has_value());
  EXPECT_FALSE(store_->resolve(id, "", at(3))->has_value());
  EXPECT_EQ(store_->find(id)->resolved_at, at(2));
}

TEST_F(FindingStoreTest, TheEndOfASuppressionIsNews) {
  FindingRecord silent = some_finding();
  silent.suppressed_by = "EX-1";
  EXPECT_EQ(open(silent, 1).news, News::first);
  EXPECT_EQ(open(silent, 2).news, News::none);
  EXPECT_EQ(open(some_finding(), 3).news, News::unsuppressed);
  EXPECT_EQ(open(silent, 4).news, News::none);
  EXPECT_THAT(journaled(), ElementsAre("finding.opened", "finding.unsuppressed", "finding.suppressed"));
  EXPECT_EQ(store_->find(finding_id(silent))->suppressed_by, "EX-1");
}

TEST_F(FindingStoreTest, SeenMovesTheTimeOfOpenOnesOnly) {
  const std::string one = open(some_finding("a"), 1).record.id, two = open(some_finding("b"), 1).record.id;
  ASSERT_TRUE(store_->resolve(two, "", at(2))->has_value());
  ASSERT_TRUE(store_->seen({one, two, "nothing"}, at(7)).has_value());
  EXPECT_EQ(store_->find(one)->last_seen, at(7));
  EXPECT_EQ(store_->find(two)->last_seen, at(1));
  // A clock that was set back does not take it back.
  ASSERT_TRUE(store_->seen({one}, at(3)).has_value());
  EXPECT_EQ(store_->find(one)->last_seen, at(7));
  EXPECT_EQ(journaled().size(), 3u);
  // resolve() keeps the time that seen() noted.
  EXPECT_EQ((*store_->resolve(one, "", at(8)))->last_seen, at(7));
}

TEST_F(FindingStoreTest, AnUnambiguousBeginningOfAnIdIsEnough) {
  const std::string id = open(some_finding(), 1).record.id;
  EXPECT_EQ(store_->find(id.substr(0, 4))->id, id);
  EXPECT_EQ(store_->find(id.substr(0, 3)).error().code, Errc::invalid_argument);
  EXPECT_EQ(store_->find(id + "0").error().code, Errc::invalid_argument);
  EXPECT_EQ(store_->find("'; --").error().code, Errc::invalid_argument);
  EXPECT_EQ(store_->find("").error().code, Errc::invalid_argument);
  EXPECT_EQ(store_->find(id[0] == '0' ? "1111" : "0000").error().code, Errc::not_found);
  SQLite::Database(folder_.file("agent.db"), SQLite::OPEN_READWRITE, 1000)
      .exec(
          "INSERT INTO finding SELECT substr(id, 1, 11) || 'x', guest, guest_name, policy, open, severity, "
          "suppressed, opened_at, last_seen, resolved_at, document FROM finding");
  EXPECT_EQ(store_->find(id)->id, id);
  EXPECT_EQ(store_->find(id.substr(0, 6)).error().message, "several findings begin with " + id.substr(0, 6));
}

TEST_F(FindingStoreTest, AcknowledgingNamesWhoAndIsBounded) {
  const std::string id = open(some_finding(), 1).record.id;
  const auto record = store_->acknowledge(id.substr(0, 6), {"uid 7", "planned", at(2)});
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(store_->find(id)->acknowledged, (FindingRecord::Acknowledged{"uid 7", "planned", at(2)}));
  EXPECT_EQ(store_->acknowledge(id, {"uid 7", std::string(5000, 'x'), at(3)}).error().code,
            Errc::invalid_argument);
  EXPECT_EQ(store_->acknowledge("ffffffffffff", {"uid 7", "", at(3)}).error().code, Errc::not_found);
  EXPECT_EQ(journal_->read(2, 5)->front().body["by"], "uid 7");
}

TEST_F(FindingStoreTest, ListsByGuestStateSeverityPolicyAndSuppression) {
  open(some_finding("a", "uuid-1"), 1);
  FindingRecord low = some_finding("b", "uuid-2");
  low.severity = policies::Severity::low;
  low.policy = "gdt";
  open(low, 2);
  FindingRecord silent = some_finding("c", "uuid-1");
  silent.suppressed_by = "EX-1";
  const std::string id = open(silent, 3).record.id;
  EXPECT_THAT(listed({}), ElementsAre("c", "b", "a"));
  EXPECT_THAT(listed({.guest = "uuid-1"}), ElementsAre("c", "a"));
  EXPECT_THAT(listed({.guest = "web-uuid-2"}), ElementsAre("b"));
  EXPECT_THAT(listed({.at_least = policies::Severity::high}), ElementsAre("c", "a"));
  EXPECT_THAT(listed({.policy = "gdt"}), ElementsAre("b"));
  EXPECT_THAT(listed({.suppressed = false}), ElementsAre("b", "a"));
  EXPECT_THAT(listed({.limit = 1}), ElementsAre("c"));
  ASSERT_TRUE(store_->resolve(id, "", at(4))->has_value());
  EXPECT_THAT(listed({.state = State::open}), ElementsAre("b", "a"));
  EXPECT_THAT(listed({.state = State::resolved}), ElementsAre("c"));
}

TEST_F(FindingStoreTest, ForgetsTheOldestResolvedOnesOnly) {
  for (const char* name : {"a", "b", "c", "d"}) open(some_finding(name), 1);
  for (const auto& [name, seconds] : {std::pair{"b", 5}, {"c", 3}, {"d", 4}})
    ASSERT_TRUE(store_->resolve(finding_id(some_finding(name)), "", at(seconds))->has_value());
  EXPECT_EQ(*store_->forget_resolved(2), 1u);
  EXPECT_EQ(*store_->forget_resolved(2), 0u);
  auto left = listed({});
  EXPECT_THAT(left, ::testing::UnorderedElementsAre("a", "b", "d"));
  EXPECT_EQ(*store_->forget_resolved(0), 2u);
  EXPECT_THAT(listed({}), ElementsAre("a"));
}

TEST_F(FindingStoreTest, BytesThatAreNoTextAreKeptAsReplacements) {
  FindingRecord hostile = some_finding();
  hostile.message = "comm \xff";
  hostile.row = {{"comm", "\xff"}};
  const auto taken = open(hostile, 1);
  const auto kept = store_->find(taken.record.id);
  ASSERT_TRUE(kept.has_value()) << kept.error().message;
  EXPECT_EQ(kept->message, "comm \uFFFD");
}

TEST_F(FindingStoreTest, ADocumentThatWasChangedIsAnError) {
  const std::string id = open(some_finding(), 1).record.id;
  SQLite::Database(folder_.file("agent.db"), SQLite::OPEN_READWRITE, 1000)
      .exec("UPDATE finding SET document = '{'");
  EXPECT_EQ(store_->find(id).error().code, Errc::malformed);
  EXPECT_EQ(store_->list({}).error().code, Errc::malformed);
}

TEST_F(FindingStoreTest, AKillLeavesFindingAndEntryOrNeither) {
  store_.reset();
  journal_.reset();
  state_.reset();
  const pid_t child = ::fork();
  if (child == 0) {
    auto state = StateDatabase::open(folder_.file("agent.db"));
    if (!state) ::_exit(1);
    Journal journal(**state);
    FindingStore store(**state, journal);
    if (!store.open(some_finding("kept"), at(1))) ::_exit(1);
    (void)(*state)->transaction([&](SQLite::Database&) -> Result<void> {
      if (!store.open(some_finding("lost"), at(2))) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
      return {};
    });
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  reopen();
  EXPECT_THAT(listed({}), ElementsAre("kept"));
  const auto verified = journal_->verify();
  ASSERT_TRUE(verified.has_value());
  EXPECT_EQ(verified->entries, 1u);
  EXPECT_FALSE(verified->broken.has_value());
}

TEST_F(FindingStoreTest, TwoProcessesWriteOneChain) {
  store_.reset();
  journal_.reset();
  state_.reset();
  const auto fill = [&](const std::string& prefix) {
    auto state = StateDatabase::open(folder_.file("agent.db"));
    if (!state) return false;
    Journal journal(**state);
    FindingStore store(**state, journal);
    for (int i = 0; i < 30; ++i)
      if (!store.open(some_finding(prefix + std::to_string(i)), at(i))) return false;
    return true;
  };
  const pid_t child = ::fork();
  if (child == 0) ::_exit(fill("child") ? 0 : 1);
  EXPECT_TRUE(fill("parent"));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  reopen();
  EXPECT_EQ(listed({}).size(), 60u);
  const auto verified = journal_->verify();
  EXPECT_EQ(verified->entries, 60u);
  EXPECT_EQ(verified->broken.value_or(""), "");
}

}  // namespace
}  // namespace ringside::agent
