// SPDX-License-Identifier: Apache-2.0
// What the tables say of a guest's kernel objects, against what the guest's own /proc says: a quiet guest
// with 500 processes and 60 modules.
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/file_oracle.h"
#include "tests/e2e/support/kernel_state_oracle.h"
#include "tests/e2e/support/kernel_test_name.h"
#include "tests/e2e/support/module_oracle.h"
#include "tests/e2e/support/socket_oracle.h"
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

  expect_answered(**database, processes_question(oracle));
  expect_answered(**database, threads_question(oracle));
  for (const Question& question : socket_questions(oracle)) expect_answered(**database, question);
  expect_answered(**database, open_files_question(oracle));
  expect_answered(**database, maps_question(oracle));
  expect_answered(**database, mounts_question(oracle));
  expect_answered(**database, symbols_question(oracle));
  expect_answered(**database, modules_question(oracle));
  expect_answered(**database, module_sections_question(oracle));
  expect_answered(
      **database,
      module_parameters_question(
          oracle,
          select(**database, "SELECT module || ' ' || name FROM module_parameters WHERE value IS NOT NULL")));
  expect_answered(**database, dmesg_question(oracle));
  expect_answered(**database, sysctl_names_question(oracle));
  const Rows known = select(**database, "SELECT DISTINCT name FROM sysctl WHERE value IS NOT NULL");
  EXPECT_GT(known.size(), oracle.lines("sysctl").size() * 3 / 5) << "of most settings the value is known";
  expect_answered(**database, sysctl_values_question(oracle, known));
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinuxObjects,
                         testing::Values("5.10-cloud", "6.1-cloud", "6.12-cloud", "sid-cloud"),
                         kernel_test_name<const char*>);

}  // namespace
}  // namespace ringside::lab
