// SPDX-License-Identifier: Apache-2.0
// What is read of one task and of what it points to.
#include "guest/linux/tasks.h"
#include "tests/unit/support/task_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::TaskWorld;
using At = TaskWorld::Task;

class TaskDetails : public ::testing::Test {
 protected:
  TaskDetails() : task_(world_.add_process(42, "daemon")) {}

  Task read(TaskParts parts) {
    world_.finish();
    auto listing = tasks(kernel_, {parts, 42});
    for (const Error& problem : listing.problems) problems_.push_back(problem.message);
    return listing.entries.empty() ? Task{} : listing.entries.front();
  }

  TaskWorld world_;
  testing::FakeKernel& kernel_ = world_.kernel;
  Gva task_;
  std::vector<std::string> problems_;
};

TEST_F(TaskDetails, CredentialsAreThoseThatOthersSee) {
  const Gva overriding = kernel_.allocate(TaskWorld::Cred::size);
  kernel_.put_pointer(task_ + At::cred, overriding.value);
  kernel_.put(world_.credentials + TaskWorld::Cred::uid, std::uint32_t{1000});
  kernel_.put(world_.credentials + TaskWorld::Cred::fsgid, std::uint32_t{5});
  kernel_.put(world_.credentials + TaskWorld::Cred::effective, std::uint64_t{0x1ff'ffff'ffff});
  const Gva groups = kernel_.allocate(8);
  kernel_.put(groups + 4, std::int32_t{3});
  kernel_.put_pointer(world_.credentials + TaskWorld::Cred::group_info, groups.value);
  const Task task = read(TaskParts::groups | TaskParts::pointers);
  ASSERT_TRUE(task.credentials);
  EXPECT_EQ(task.credentials->uid, 1000u);
  EXPECT_EQ(task.credentials->euid, 0u);
  EXPECT_EQ(task.credentials->fsgid, 5u);
  EXPECT_EQ(task.credentials->effective, 0x1ff'ffff'ffffu);
  EXPECT_EQ(task.credentials->groups, 3u);
  EXPECT_EQ(task.cred, overriding);
  EXPECT_EQ(task.real_cred, world_.credentials);
}

TEST_F(TaskDetails, NamespacesThatTheKernelWasBuiltWithoutAreNoProblem) {
  const Gva proxy = kernel_.allocate(64);
  for (std::uint32_t i = 0; i < 5; ++i)
    kernel_.put_pointer(proxy + std::uint64_t{8} * i, world_.name_space(10 + i).value);
  kernel_.put_pointer(task_ + At::nsproxy, proxy.value);
  const Task task = read(TaskParts::namespaces);
  EXPECT_EQ(task.namespaces.uts, 10u);
  EXPECT_EQ(task.namespaces.net, 13u);
  EXPECT_EQ(task.namespaces.cgroup, 14u);
  EXPECT_EQ(task.namespaces.pid, 100u);
  EXPECT_EQ(task.namespaces.user, 50u);
  EXPECT_EQ(task.namespaces.time, std::nullopt);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(TaskDetails, AZombieHasItsPidAndUserNamespacesOnly) {
  const Task task = read(TaskParts::namespaces);
  EXPECT_EQ(task.namespaces.net, std::nullopt);
  EXPECT_EQ(task.namespaces.pid, 100u);
  EXPECT_EQ(task.namespaces.user, 50u);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(TaskDetails, OwnPidIsTheInnermost) {
  kernel_.put_pointer(task_ + At::thread_pid, world_.pid({42, 7, 1}).value);
  const Task task = read(TaskParts::own_pid | TaskParts::namespaces);
  EXPECT_EQ(task.own_pid, 1);
  EXPECT_EQ(task.pid_level, 2u);
  EXPECT_EQ(task.namespaces.pid, 102u);
}

TEST_F(TaskDetails, APidNestedDeeperThanKernelsNestIsRefused) {
  const Gva pid = world_.pid({42});
  kernel_.put(pid + TaskWorld::Pid::level, std::uint32_t{0x7fffffff});
  kernel_.put_pointer(task_ + At::thread_pid, pid.value);
  const Task task = read(TaskParts::own_pid);
  EXPECT_EQ(task.own_pid, std::nullopt);
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_NE(problems_[0].find("level 2147483647"), std::string::npos);
}

TEST_F(TaskDetails, SessionAndTerminalAreTheProcesss) {
  const Gva signal = world_.signal(task_);
  kernel_.put_pointer(signal + TaskWorld::Signal::pids + 8, world_.pid({40}).value);
  kernel_.put_pointer(signal + TaskWorld::Signal::pids + 16, world_.pid({41}).value);
  const Gva tty = kernel_.allocate(96), driver = kernel_.allocate(16);
  kernel_.put_pointer(tty, driver.value);
  kernel_.put(tty + 8, std::int32_t{300});
  kernel_.put_string(tty + 16, "pts300");
  kernel_.put(driver, std::int32_t{136});
  kernel_.put_pointer(signal + TaskWorld::Signal::tty, tty.value);
  const Task task = read(TaskParts::group);
  EXPECT_EQ(task.group.session, 40);
  EXPECT_EQ(task.group.pgrp, 41);
  EXPECT_EQ(task.group.threads, 1u);
  EXPECT_EQ(task.group.tty, "pts/300");
  EXPECT_EQ(task.group.tty_device, (300u & 0xff) | 136u << 8 | (300u & ~0xffu) << 12);
}

TEST_F(TaskDetails, TheParentIsAProcessEvenIfAThreadOfItForked) {
  const Gva parent = world_.add_process(5, "parent"), thread = world_.add_thread(parent, 6, "worker");
  kernel_.put_pointer(task_ + At::real_parent, thread.value);
  EXPECT_EQ(read(TaskParts::parent).ppid, 5);
}

TEST_F(TaskDetails, ScheduleIsInTheUnitsOfProc) {
  kernel_.put(task_ + At::prio, std::int32_t{1});
  kernel_.put(task_ + At::static_prio, std::int32_t{110});
  kernel_.put(task_ + At::policy, std::uint32_t{1});
  kernel_.put(task_ + At::cpu, std::uint32_t{3});
  const Task task = read(TaskParts::schedule);
  EXPECT_EQ(task.priority, -99);
  EXPECT_EQ(task.nice, -10);
  EXPECT_EQ(task.policy, 1u);
  EXPECT_EQ(task.cpu, 3u);
}

class KernelThreads : public TaskDetails {
 protected:
  KernelThreads() {
    kernel_.put(task_ + At::flags, std::uint32_t{0x200000});
    kthread_ = kernel_.allocate(24);
    kernel_.put_pointer(kthread_ + TaskWorld::Kthread::threadfn, 0xffffffff81000000);
    kernel_.put_pointer(task_ + At::kthread, kthread_.value);
  }
  void set_full_name(std::string_view name) {
    const Gva text = kernel_.allocate(name.size() + 1);
    kernel_.put_string(text, name);
    kernel_.put_pointer(kthread_ + TaskWorld::Kthread::full_name, text.value);
  }
  void make_worker(std::string_view description, bool at_work) {
    kernel_.put(task_ + At::flags, std::uint32_t{0x200020});
    const Gva worker = kernel_.allocate(40);
    kernel_.put_pointer(worker + TaskWorld::Worker::pool, 0x1000);
    kernel_.put_pointer(worker + TaskWorld::Worker::current_work, at_work ? 0x1000 : 0);
    kernel_.put_string(worker + TaskWorld::Worker::desc, description);
    kernel_.put_pointer(kthread_ + TaskWorld::Kthread::data, worker.value);
  }

  Gva kthread_;
};

TEST_F(KernelThreads, HaveAFunctionAndALongerName) {
  set_full_name("rcu_tasks_trace_kthread");
  const Task task = read(TaskParts::name | TaskParts::thread_function);
  EXPECT_TRUE(task.kernel_thread());
  EXPECT_EQ(task.name, "rcu_tasks_trace_kthread");
  EXPECT_EQ(task.comm, "daemon");
  EXPECT_EQ(task.thread_function, Gva{0xffffffff81000000});
}

TEST_F(KernelThreads, WorkersSayWhatTheyDo) {
  make_worker("events", true);
  EXPECT_EQ(read(TaskParts::name).name, "daemon+events");
}

TEST_F(KernelThreads, WorkersSayWhatTheyDidLast) {
  make_worker("events", false);
  EXPECT_EQ(read(TaskParts::name).name, "daemon-events");
}

TEST_F(KernelThreads, RescuersHaveTheirWholeNameFrom610On) {
  make_worker("", false);
  set_full_name("kworker/R-quota_events_unbound");
  EXPECT_EQ(read(TaskParts::name).name, "daemon");
  kernel_.mutable_identity().minor = 12;
  EXPECT_EQ(read(TaskParts::name).name, "kworker/R-quota_events_unbound");
}

TEST_F(KernelThreads, AProcessIsNotTakenForOne) {
  kernel_.put(task_ + At::flags, std::uint32_t{0});
  set_full_name("evil");
  const Task task = read(TaskParts::name | TaskParts::thread_function);
  EXPECT_EQ(task.name, "daemon");
  EXPECT_EQ(task.thread_function, std::nullopt);
}

TEST_F(KernelThreads, ThatKernelThreadMadeHaveTheirCommOnly) {
  kernel_.put_pointer(task_ + At::kthread, 0);
  const Task task = read(TaskParts::name | TaskParts::thread_function);
  EXPECT_EQ(task.name, "daemon");
  EXPECT_EQ(task.thread_function, std::nullopt);
}

TEST_F(KernelThreads, WhoseNameCannotBeReadHaveNone) {
  kernel_.put_pointer(task_ + At::kthread, 0xdead'0000'0000);
  const Task task = read(TaskParts::name);
  EXPECT_EQ(task.name, std::nullopt);
  EXPECT_EQ(task.comm, "daemon");
  EXPECT_EQ(problems_.size(), 1u);
}

}  // namespace
}  // namespace ringside::guest::linux
