// SPDX-License-Identifier: Apache-2.0
// What the daemon makes of a guest that boots, and of one whose start-up goes on.
#include "agent/daemon/boot_baseline.h"
#include "agent/daemon/long_boot.h"
#include "agent/start_up_text.h"
#include "policies/engine/boot_record.h"
#include "tests/support/recorded_guests.h"
#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ringside::agent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = BootBaseline::Choice::Kind;

class StartsUp : public ::testing::Test {
 protected:
  BootBaseline::Choice choose(const BootBaseline& boot, const std::string& key, milliseconds settle) {
    const auto snapshot = testing::recorded_snapshot(key);
    auto choice = boot.choose(*store_, "lab", *snapshot, settle);
    if (!choice) throw std::runtime_error(choice.error().message);
    return std::move(*choice);
  }
  testing::TemporaryDirectory folder_;
  std::unique_ptr<policies::BaselineStore> store_ =
      policies::BaselineStore::open(folder_.file("b.db")).value();
};

TEST_F(StartsUp, AKernelThatIsYoungerThanStartUpMayTake) {
  // Recorded less than an hour after it had booted, and more than a millisecond.
  BootBaseline boot;
  boot.attached();
  const auto young = choose(boot, "6.1-cloud", hours(1)), old = choose(boot, "6.1-cloud", milliseconds(1));
  EXPECT_EQ(young.kind, Kind::learn);
  EXPECT_TRUE(young.starts_up);
  EXPECT_EQ(old.kind, Kind::learn);
  EXPECT_FALSE(old.starts_up);
}

TEST_F(StartsUp, AGuestThatWasSeenToBootWhateverItsClockSays) {
  BootBaseline boot;
  boot.attached();
  boot.is_booting();
  EXPECT_TRUE(choose(boot, "6.1-cloud", milliseconds(1)).starts_up);
  boot.attached();
  EXPECT_FALSE(choose(boot, "6.1-cloud", milliseconds(1)).starts_up);
  boot.boot_began();
  EXPECT_TRUE(choose(boot, "6.1-cloud", milliseconds(1)).starts_up);
}

TEST_F(StartsUp, AKernelWithoutAClockOnlyIfItWasSeenOrIfAnEarlierBootSaysWhatMayStillBeSet) {
  constexpr const char* kNoTypes = "6.1-686";
  BootBaseline boot;
  boot.attached();
  EXPECT_FALSE(choose(boot, kNoTypes, hours(1)).starts_up);
  boot.is_booting();
  EXPECT_TRUE(choose(boot, kNoTypes, hours(1)).starts_up);
  // At the boot before, the kernel stood elsewhere.
  auto before = policies::take_baseline(*testing::recorded_snapshot(kNoTypes)).value();
  before.guest = "lab";
  auto& idt = before.tables.at("idt");
  const auto handler = std::ranges::find(idt.columns, "handler") - idt.columns.begin();
  for (auto& row : idt.rows)
    if (auto* address = std::get_if<std::int64_t>(&row[static_cast<std::size_t>(handler)]))
      *address += 16 << 20;
  ASSERT_TRUE(store_->save(before));
  boot.attached();
  EXPECT_EQ(choose(boot, kNoTypes, hours(1)).kind, Kind::carry);
  EXPECT_TRUE(choose(boot, kNoTypes, hours(1)).starts_up);
}

TEST_F(StartsUp, IsSettledOnceAlsoByALaterAgent) {
  policies::Baseline baseline;
  policies::BootRecord record{"6.1.0", "b1", "boot1@", "", {}};
  record.start_up.emplace();
  baseline.boot = std::make_shared<const policies::BootRecord>(record);
  BootBaseline boot;
  boot.attached();
  boot.in_force(baseline, {}, nullptr, seconds(45));
  EXPECT_TRUE(boot.settles_at());
  EXPECT_TRUE(boot.report()["start_up"]["learned"].is_null());
  record.start_up->learned = std::chrono::sys_seconds(seconds(77));
  record.start_up->code = {"nfs"};
  baseline.boot = std::make_shared<const policies::BootRecord>(record);
  boot.in_force(baseline, {}, nullptr, seconds(45));
  EXPECT_FALSE(boot.settles_at());
  EXPECT_THAT(boot.report()["start_up"]["code"], ElementsAre("nfs"));
  record.start_up.reset();
  baseline.boot = std::make_shared<const policies::BootRecord>(record);
  boot.in_force(baseline, {}, nullptr, seconds(45));
  EXPECT_FALSE(boot.settles_at());
  EXPECT_TRUE(boot.report()["start_up"].is_null());
}

TEST(AddedBy, NamesTheFirstFew) {
  policies::StartUp start_up;
  EXPECT_EQ(added_by(start_up), "nothing");
  start_up.tables = {"idt"};
  EXPECT_EQ(added_by(start_up), "rows of idt");
  for (char name = 'a'; name <= 'j'; ++name) start_up.code.emplace_back(1, name);
  EXPECT_EQ(added_by(start_up), "code of a, b, c, d, e, f, g, h and 2 more, rows of idt");
}

class LongBoots : public ::testing::Test {
 protected:
  void goes_on(minutes at) { boot_.goes_on(LongBoot::Instant(at), Moment(at)); }
  std::vector<std::string> take() { return std::exchange(told_, {}); }

  testing::TemporaryDirectory folder_;
  std::unique_ptr<StateDatabase> database_ = StateDatabase::open(folder_.file("agent.db")).value();
  Journal journal_{*database_};
  FindingStore store_{*database_, journal_};
  AgentEvents events_;
  std::vector<std::string> told_;
  Ledger ledger_{*database_, store_, journal_, events_, [this](const AgentEvent& event) {
                   told_.push_back(event.what + " " + std::string(to_string(event.finding->kind)));
                   return Result<void>();
                 }};
  GuestFacts facts_{"uuid", "web", "uuid", {}};
  LongBoot boot_{ledger_, facts_};
};

TEST_F(LongBoots, ASlowBootIsNoFindingAndOneThatHangsIsToldOnce) {
  for (int minute = 0; minute < 15; ++minute) goes_on(minutes(minute));
  EXPECT_THAT(take(), IsEmpty());
  goes_on(minutes(15));
  goes_on(minutes(60));
  EXPECT_THAT(take(), ElementsAre("opened unwatched"));
  const auto record = store_.list({}).value().at(0);
  EXPECT_THAT(record.message, HasSubstr("web has been booting for 15 minutes"));
  EXPECT_EQ(record.severity, policies::Severity::medium);
  boot_.over("it is up", Moment(minutes(61)));
  EXPECT_THAT(take(), ElementsAre("resolved unwatched"));
  // The next boot begins anew.
  goes_on(minutes(100));
  goes_on(minutes(114));
  EXPECT_THAT(take(), IsEmpty());
  boot_.over("it is up", Moment(minutes(114)));
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_THAT(store_.list({}).value(), SizeIs(1));
}

TEST_F(LongBoots, WhatAnEarlierAgentToldIsOverOnceTheGuestIsUp) {
  goes_on(minutes(0));
  goes_on(minutes(20));
  EXPECT_THAT(take(), SizeIs(1));
  LongBoot next(ledger_, facts_);
  next.goes_on(LongBoot::Instant(minutes(21)), Moment(minutes(21)));
  EXPECT_THAT(take(), IsEmpty());
  next.over("it is up", Moment(minutes(22)));
  EXPECT_THAT(take(), ElementsAre("resolved unwatched"));
}

}  // namespace
}  // namespace ringside::agent
