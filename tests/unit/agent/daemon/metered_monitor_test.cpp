// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/metered_monitor.h"

#include "agent/daemon/guest_summary.h"
#include "policies/engine/policy.h"
#include "qmp/commands.h"
#include "tests/unit/support/fake_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using ::testing::HasSubstr;

TEST(MeteredMonitor, CountsCommandsByHowTheyWent) {
  Metrics metrics;
  auto fake = std::make_unique<ringside::testing::FakeMonitor>();
  auto& qemu = *fake;
  qemu.on("query-status", [](const qmp::Json&) {
    return qmp::Json{{"running", true}, {"status", "running"}};
  });
  const auto monitor = metered(std::move(fake), metrics);
  EXPECT_TRUE(monitor->supports("query-status"));
  EXPECT_TRUE(monitor->call(qmp::query_status()));
  EXPECT_TRUE(monitor->call(qmp::query_status()));
  EXPECT_FALSE(monitor->call(qmp::stop()));
  qemu.disconnect();
  EXPECT_FALSE(monitor->connected());
  EXPECT_FALSE(monitor->call(qmp::query_status()));

  const std::vector<policies::Policy> none;
  const std::string page = metrics.page({{}, {}, none, Ledger::Statistics{}});
  EXPECT_THAT(page, HasSubstr("ringside_qmp_commands_total{command=\"query-status\",result=\"ok\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("ringside_qmp_commands_total{command=\"stop\",result=\"peer_error\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("ringside_qmp_commands_total{command=\"query-status\",result=\"closed\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("ringside_qmp_command_duration_seconds_count 4\n"));
}

TEST(MeteredMonitor, PassesEventsOn) {
  Metrics metrics;
  auto fake = std::make_unique<ringside::testing::FakeMonitor>();
  auto& qemu = *fake;
  const auto monitor = metered(std::move(fake), metrics);
  std::string seen;
  const auto subscription = monitor->subscribe([&](const qmp::Event& event) { seen = event.name; });
  qmp::Event event;
  event.name = "STOP";
  qemu.emit(event);
  EXPECT_EQ(seen, "STOP");
}

}  // namespace
}  // namespace ringside::agent
