// SPDX-License-Identifier: Apache-2.0
// What the tables say of a guest's kernel objects, against what the guest's own /proc says: a quiet guest
// with 500 processes and 60 modules.
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/task_oracle.h"
#include "tests/lab/oracle.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringside::lab {
namespace {

class LinuxObjects : public testing::TestWithParam<const char*> {};

TEST_P(LinuxObjects, TablesEqualProc) {
  Options options;
  options.kernel = GetParam();
  options.ram = Ram::memfd;
  options.memory = "768M";
  options.smp = 2;
  options.modules = true;
  options.ready_deadline = std::chrono::minutes(6);
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  const std::string settled = guest.run("settle 500 60 && echo settled", std::chrono::minutes(6));
  ASSERT_NE(settled.find("settled"), std::string::npos) << settled;
  const Oracle oracle(guest);
  ASSERT_TRUE(guest.qmp().execute("stop").has_value());
  EXPECT_GE(oracle.processes().size(), 500u);
  EXPECT_GE(oracle.lines("modules").size(), 60u);

  auto attached = attach(guest);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  const auto snapshot = (*attached)->live->snapshot(guest::live::MsrSource::none);
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
  auto database = policies::Database::create();
  ASSERT_TRUE(database.has_value()) << database.error().message;
  (*database)->bind(snapshot->get());

  for (const Question& question : {processes_question(oracle), threads_question(oracle)})
    expect_same_rows(question.what, select(**database, question.sql), question.answer);
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinuxObjects,
                         testing::Values("5.10-cloud", "6.1-cloud", "6.12-cloud", "sid-cloud"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '.' || c == '-'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace ringside::lab
