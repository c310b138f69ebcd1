// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/exception_findings.h"

#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using std::chrono::days;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Moment kNow = Moment(std::chrono::sys_days(std::chrono::year(2026) / 6 / 15)) + hours(12);

policies::Exception exception(const std::string& id, std::chrono::sys_days expires) {
  policies::Exception one;
  one.id = id;
  one.policy = "linux-tracing";
  one.check = "kprobes";
  one.file = "/etc/ringside/exceptions.d/a.yaml";
  one.reason = "canary";
  one.owner = "soc@example.org";
  one.expires = expires;
  return one;
}

class ExceptionFindings : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  /// As an agent that begins, with the state of the one before.
  void start() {
    ledger_.reset();
    uses_.reset();
    store_.reset();
    journal_.reset();
    database_.reset();
    database_ = StateDatabase::open(folder_.file("agent.db")).value();
    journal_ = std::make_unique<Journal>(*database_);
    store_ = std::make_unique<FindingStore>(*database_, *journal_);
    uses_ = std::make_unique<ExceptionUses>(*database_);
    ledger_ =
        std::make_unique<Ledger>(*database_, *store_, *journal_, events_, [this](const AgentEvent& event) {
          told_.push_back(event.what + " " + std::string(to_string(event.finding->kind)) + " " +
                          event.finding->fingerprint);
          return Result<void>();
        });
  }
  void tell(const policies::ExceptionSet& exceptions, Moment now) {
    const auto done = tell_exceptions(*uses_, exceptions, days(30), "node1", *store_, *ledger_, now);
    EXPECT_TRUE(done.has_value()) << done.error().message;
  }
  std::vector<std::string> take() { return std::exchange(told_, {}); }
  static policies::ExceptionSet holding(const std::string& id = "EX-1") {
    return {{exception(id, std::chrono::year(2030) / 1 / 1)}, {}};
  }
  static policies::ExceptionSet over() { return {{exception("EX-1", std::chrono::year(2026) / 6 / 14)}, {}}; }
  static void use(const policies::ExceptionSet& exceptions) {
    const policies::GuestFacts guest;
    const std::vector<policies::QueryColumn> columns;
    const std::vector<policies::Value> row;
    EXPECT_NE(exceptions.match({guest, "linux-tracing", "kprobes", columns, row, kNow}), nullptr);
  }

  testing::TemporaryDirectory folder_;
  AgentEvents events_;
  std::unique_ptr<StateDatabase> database_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<FindingStore> store_;
  std::unique_ptr<ExceptionUses> uses_;
  std::unique_ptr<Ledger> ledger_;
  std::vector<std::string> told_;
};

TEST_F(ExceptionFindings, OneThatHasExpiredIsToldOnceAndGoesToOutputs) {
  tell(over(), kNow);
  EXPECT_THAT(take(), ElementsAre("opened exception-expired EX-1"));
  const auto record = store_->list({}).value().at(0);
  EXPECT_EQ(record.guest, "host/node1");
  EXPECT_EQ(record.guest_name, "node1");
  EXPECT_EQ(record.severity, policies::Severity::low);
  EXPECT_THAT(record.message, HasSubstr("expired after 2026-06-14"));
  EXPECT_EQ(record.row["owner"], "soc@example.org");
  EXPECT_EQ(finding_from_json(to_json(record)).value(), record);
  tell(over(), kNow + hours(1));
  EXPECT_THAT(take(), IsEmpty());
  start();
  tell(over(), kNow + hours(2));
  EXPECT_THAT(take(), IsEmpty()) << "over a restart";
}

TEST_F(ExceptionFindings, OnItsLastDayItHolds) {
  tell({{exception("EX-1", std::chrono::year(2026) / 6 / 15)}, {}}, kNow);
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(ExceptionFindings, ItIsResolvedWhenItIsRenewedOrGone) {
  tell(over(), kNow);
  (void)take();
  tell(holding(), kNow);
  EXPECT_THAT(take(), ElementsAre("resolved exception-expired EX-1"));
  tell(over(), kNow);
  EXPECT_THAT(take(), ElementsAre("opened exception-expired EX-1")) << "the same finding again";
  EXPECT_EQ(store_->list({}).value().size(), 1u);
  tell({}, kNow);
  EXPECT_THAT(take(), ElementsAre("resolved exception-expired EX-1"));
}

TEST_F(ExceptionFindings, OneThatMatchesNothingIsToldAfterAWhileOverRestarts) {
  tell(holding(), kNow);
  tell(holding(), kNow + days(29));
  EXPECT_THAT(take(), IsEmpty());
  start();
  tell(holding(), kNow + days(30));
  EXPECT_THAT(take(), ElementsAre("opened exception-unused EX-1"));
  EXPECT_THAT(store_->list({}).value().at(0).message, HasSubstr("has matched nothing since 2026-06-15"));
  tell(holding(), kNow + days(31));
  EXPECT_THAT(take(), IsEmpty());
  const auto used = holding();
  use(used);
  tell(used, kNow + days(32));
  EXPECT_THAT(take(), ElementsAre("resolved exception-unused EX-1"));
}

TEST_F(ExceptionFindings, WhatWasUsedIsRememberedOverRestarts) {
  const auto used = holding();
  use(used);
  tell(used, kNow);
  start();
  EXPECT_THAT(uses_->used().value(), ElementsAre("EX-1"));
  auto again = holding();
  again.count_as_used(uses_->used().value());
  EXPECT_THAT(again.unused(), IsEmpty());
  tell(holding(), kNow + days(60));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(ExceptionFindings, OneThatWasGoneBeginsAnew) {
  tell(holding(), kNow);
  tell(holding("EX-2"), kNow + days(29));
  tell(holding(), kNow + days(30));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(ExceptionFindings, AnExpiredOneIsNotToldAsUnusedToo) {
  tell(over(), kNow);
  tell(over(), kNow + days(90));
  EXPECT_THAT(take(), ElementsAre("opened exception-expired EX-1"));
}

TEST_F(ExceptionFindings, ZeroNeverTellsOfUnusedOnes) {
  for (const auto at : {kNow, kNow + days(900)})
    ASSERT_TRUE(
        tell_exceptions(*uses_, holding(), std::chrono::milliseconds(0), "node1", *store_, *ledger_, at));
  EXPECT_THAT(take(), IsEmpty());
}

}  // namespace
}  // namespace ringside::agent
