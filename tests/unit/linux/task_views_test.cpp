// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/task_views.h"

#include "tests/unit/support/task_view_world.h"

#include <gtest/gtest.h>

#include <string>

namespace ringside::guest::linux {
namespace {

using testing::TaskViewWorld;
using W = TaskViewWorld;

std::string problems(const Listing<TaskView>& listing) {
  std::string all;
  for (const Error& problem : listing.problems) all += problem.message + "\n";
  return all;
}
/// pids of those that are hidden, each with a blank behind it.
std::string hidden(const Listing<TaskView>& listing) {
  std::string all;
  for (const TaskView& view : listing.entries)
    if (view.hidden == true) all += std::to_string(view.task.pid) + " ";
  return all;
}
const TaskView& of(const Listing<TaskView>& listing, Gva task) {
  for (const TaskView& view : listing.entries)
    if (view.task.address == task) return view;
  throw std::runtime_error("no such task in the listing");
}

class TaskViews : public ::testing::Test {
 protected:
  W world;
  Gva init = world.add(1, "init"), kthreadd = world.add(2, "kthreadd"), server = world.add(7, "server"),
      worker = world.add(8, "worker", server);

  Listing<TaskView> look() {
    world.finish();
    return task_views(world.kernel);
  }
};

TEST_F(TaskViews, OfAHealthyKernelAgree) {
  const auto listing = look();
  EXPECT_EQ(problems(listing), "");
  ASSERT_EQ(listing.entries.size(), 4u);
  EXPECT_EQ(hidden(listing), "");
  const TaskView& one = of(listing, server);
  EXPECT_EQ(one.listed, true);
  EXPECT_EQ(one.pid_table, true);
  EXPECT_EQ(one.own_pid_table, std::nullopt);
  EXPECT_EQ(one.child, true);
  EXPECT_EQ(one.control_group, true);
  EXPECT_EQ(one.pid_in_table, 7);
  EXPECT_FALSE(one.in_flight);
  EXPECT_EQ(of(listing, worker).child, std::nullopt) << "only processes are anybody's children";
}

TEST_F(TaskViews, AProcessThatWasTakenOutOfTheListIsHidden) {
  world.take_out(world.listed, server);
  const auto listing = look();
  EXPECT_EQ(problems(listing), "");
  EXPECT_EQ(hidden(listing), "7 8 ") << "its threads are reached through it";
  EXPECT_EQ(of(listing, server).listed, false);
  EXPECT_EQ(of(listing, server).pid_table, true);
}

TEST_F(TaskViews, AThreadThatItsProcessDoesNotListIsHidden) {
  world.unthreaded.insert(worker.value);
  EXPECT_EQ(hidden(look()), "8 ");
}

TEST_F(TaskViews, AProcessThatWasTakenOutOfThePidTableIsHidden) {
  world.take_out(world.in_table, server);
  const auto listing = look();
  EXPECT_EQ(hidden(listing), "7 ");
  EXPECT_EQ(of(listing, server).pid_table, false);
}

TEST_F(TaskViews, AProcessThatIsNobodysChildIsHidden) {
  world.take_out(world.children, server);
  EXPECT_EQ(hidden(look()), "7 ");
}

TEST_F(TaskViews, OneThatOnlyControlGroupsShowIsFound) {
  for (auto* from : {&world.listed, &world.in_table, &world.children}) world.take_out(*from, server);
  world.unthreaded = {server.value, worker.value};
  world.take_out(world.in_table, worker);
  EXPECT_EQ(hidden(look()), "7 8 ");
}

TEST_F(TaskViews, OneThatOnlyRunsIsFound) {
  for (auto* from : {&world.listed, &world.in_table, &world.children, &world.grouped})
    world.take_out(*from, kthreadd);
  world.unthreaded.insert(kthreadd.value);
  world.kernel.put_pointer(world.queue + W::Queue::curr, kthreadd.value);
  const auto listing = look();
  EXPECT_EQ(hidden(listing), "2 ");
  EXPECT_TRUE(of(listing, kthreadd).run_queue);
}

TEST_F(TaskViews, OneThatOnlyWaitsForACpuIsFound) {
  for (auto* from : {&world.listed, &world.in_table, &world.children, &world.grouped}) {
    world.take_out(*from, kthreadd);
    world.take_out(*from, init);
  }
  world.queued = {kthreadd};
  world.real_time = {init};
  EXPECT_EQ(hidden(look()), "2 1 ");
}

TEST_F(TaskViews, WhatIsNoTaskOnAQueueIsLeftOut) {
  world.queued = {world.kernel.allocate(W::Task::size)};
  const auto listing = look();
  EXPECT_EQ(listing.entries.size(), 4u);
  EXPECT_EQ(problems(listing), "");
}

TEST_F(TaskViews, ATaskInTheMakingIsInFlight) {
  world.kernel.put(server + W::Task::state, std::uint32_t{0x800});
  world.take_out(world.grouped, server);
  world.take_out(world.listed, server);
  const auto listing = look();
  EXPECT_TRUE(of(listing, server).in_flight);
  EXPECT_EQ(of(listing, server).hidden, false);
}

TEST_F(TaskViews, ATaskThatIsReapedIsInFlight) {
  world.kernel.put(kthreadd + W::Task::exit_state, std::int32_t{16});
  world.take_out(world.listed, kthreadd);
  world.take_out(world.in_table, server);
  world.set_pid(server, Gva{0});
  const auto listing = look();
  EXPECT_EQ(hidden(listing), "");
  EXPECT_TRUE(of(listing, kthreadd).in_flight);
  EXPECT_TRUE(of(listing, server).in_flight);
}

TEST_F(TaskViews, AZombieMayBeReapedAtAnyMoment) {
  world.kernel.put(server + W::Task::exit_state, std::int32_t{32});
  for (auto* from : {&world.grouped, &world.listed, &world.in_table}) world.take_out(*from, kthreadd);
  world.kernel.put(kthreadd + W::Task::exit_state, std::int32_t{32});
  EXPECT_EQ(hidden(look()), "");
}

TEST_F(TaskViews, OneThatOnlyClaimsToBeAZombieIsHidden) {
  world.kernel.put(server + W::Task::exit_state, std::int32_t{32});
  world.kernel.put_pointer(server + W::Task::files, 0x5000);
  world.take_out(world.listed, server);
  EXPECT_EQ(hidden(look()), "7 8 ");
}

TEST_F(TaskViews, DifferencesUnderTheListsLockAreInFlight) {
  world.take_out(world.children, server);
  world.kernel.put(world.tasklist_lock, std::uint8_t{0xff});
  const auto listing = look();
  EXPECT_EQ(hidden(listing), "");
  EXPECT_TRUE(of(listing, server).in_flight);
  EXPECT_FALSE(of(listing, init).in_flight);
}

TEST_F(TaskViews, OfANestedNamespaceAreHeldAgainstItsOwnTable) {
  const Gva space = world.add_pid_ns(), inside = world.add(20, "inside"), away = world.add(21, "away");
  const Gva pid = world.add_pid(inside, {20, 1}, space), other = world.add_pid(away, {21, 2}, space);
  world.set_pid(inside, pid);
  world.set_pid(away, other);
  world.into_table(space, 1, pid);
  const auto listing = look();
  EXPECT_EQ(problems(listing), "");
  EXPECT_EQ(of(listing, inside).own_pid_table, true);
  EXPECT_EQ(of(listing, away).own_pid_table, false);
  EXPECT_EQ(hidden(listing), "21 ");
}

TEST_F(TaskViews, ANumberThatTheTableDoesNotHaveIsTold) {
  world.finish();
  world.kernel.put(server + W::Task::pid, std::int32_t{9});
  const auto listing = task_views(world.kernel);
  EXPECT_EQ(of(listing, server).pid_in_table, 7);
  EXPECT_EQ(of(listing, server).task.pid, 9);
}

TEST_F(TaskViews, AbsenceIsNotKnownInAViewThatCouldNotBeRead) {
  world.finish();
  world.kernel.put_pointer(server + W::Task::cg_list, 0xffff'ffff'ffff'fff0);
  const auto listing = task_views(world.kernel);
  EXPECT_NE(problems(listing).find("tasks of control groups"), std::string::npos);
  EXPECT_EQ(of(listing, init).control_group, true);
  EXPECT_EQ(of(listing, worker).control_group, std::nullopt);
  EXPECT_EQ(hidden(listing), "");
}

TEST_F(TaskViews, OfAKernelWithoutTypesHaveAReason) {
  world.finish();
  world.kernel.set_recovered_types(nullptr);
  const auto listing = task_views(world.kernel);
  EXPECT_TRUE(listing.entries.empty());
  EXPECT_NE(problems(listing), "");
}

}  // namespace
}  // namespace ringside::guest::linux
