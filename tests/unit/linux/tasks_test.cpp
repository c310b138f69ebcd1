// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/tasks.h"

#include "tests/unit/support/task_world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::TaskWorld;

std::vector<std::int32_t> pids(const Listing<Task>& listing) {
  std::vector<std::int32_t> all;
  for (const Task& task : listing.entries) all.push_back(task.pid);
  return all;
}
template <class T>
std::string problems(const Listing<T>& listing) {
  std::string all;
  for (const Error& problem : listing.problems) all += problem.message + "\n";
  return all;
}

TEST(Tasks, AreTheProcessesInTheKernelsOrderWithoutTheIdleTask) {
  TaskWorld world;
  world.add_process(1, "init");
  world.add_process(7, "sshd");
  world.add_process(2, "kthreadd");
  world.finish();
  const auto listing = tasks(world.kernel);
  EXPECT_EQ(problems(listing), "");
  EXPECT_EQ(pids(listing), (std::vector{1, 7, 2}));
  EXPECT_EQ(listing.entries[1].comm, "sshd");
}

TEST(Tasks, ThreadsComeProcessByProcess) {
  TaskWorld world;
  const Gva init = world.add_process(1, "init"), server = world.add_process(7, "server");
  world.add_thread(server, 8, "worker");
  world.add_thread(server, 9, "worker");
  world.finish();
  const auto listing = threads(world.kernel);
  EXPECT_EQ(problems(listing), "");
  EXPECT_EQ(pids(listing), (std::vector{1, 7, 8, 9}));
  EXPECT_EQ(listing.entries[2].tgid, 7);
  EXPECT_EQ(listing.entries[0].address, init);
}

TEST(Tasks, AreOneProcessIfAskedForOne) {
  TaskWorld world;
  world.add_process(1, "init");
  const Gva server = world.add_process(7, "server");
  world.add_thread(server, 8, "worker");
  world.finish();
  EXPECT_EQ(pids(tasks(world.kernel, {TaskParts::none, 7})), std::vector{7});
  EXPECT_EQ(pids(threads(world.kernel, {TaskParts::none, 7})), (std::vector{7, 8}));
  EXPECT_EQ(pids(tasks(world.kernel, {TaskParts::none, 5})), std::vector<std::int32_t>{});
}

TEST(Tasks, ALoopInTheListEndsTheWalkAndIsTold) {
  TaskWorld world;
  const Gva first = world.add_process(1, "init"), second = world.add_process(2, "kthreadd");
  world.finish();
  world.kernel.put_pointer(second + TaskWorld::Task::tasks, (first + TaskWorld::Task::tasks).value);
  const auto listing = tasks(world.kernel, {TaskParts::none, {}});
  EXPECT_LE(listing.entries.size(), 4u);
  EXPECT_GE(listing.entries.size(), 1u);
  EXPECT_NE(problems(listing).find("the list of processes"), std::string::npos);
}

TEST(Tasks, AListThatLeavesMemoryKeepsWhatStandsBefore) {
  TaskWorld world;
  world.add_process(1, "init");
  const Gva second = world.add_process(2, "kthreadd");
  world.finish();
  world.kernel.put_pointer(second + TaskWorld::Task::tasks, 0xffff'ffff'ffff'fff0);
  const auto listing = tasks(world.kernel, {TaskParts::none, {}});
  EXPECT_EQ(pids(listing), (std::vector{1, 2}));
  EXPECT_EQ(listing.problems.size(), 1u);
}

TEST(Tasks, AThreadOfTwoProcessesIsTakenOnceAndTold) {
  TaskWorld world;
  const Gva first = world.add_process(1, "init"), second = world.add_process(2, "evil");
  world.add_thread(first, 3, "worker");
  world.finish();
  world.kernel.put_pointer(second + TaskWorld::Task::signal, world.signal(first).value);
  const auto listing = threads(world.kernel, {TaskParts::none, {}});
  EXPECT_EQ(pids(listing), (std::vector{1, 3, 2}));
  EXPECT_NE(problems(listing).find("is a thread twice"), std::string::npos);
}

TEST(Tasks, BadCredentialsCostTheCredentialsOfThatTaskOnly) {
  TaskWorld world;
  const Gva first = world.add_process(1, "init");
  world.add_process(2, "kthreadd");
  world.finish();
  world.kernel.put_pointer(first + TaskWorld::Task::real_cred, 0xdead'0000'0000);
  const auto listing = tasks(world.kernel, {TaskParts::credentials, {}});
  ASSERT_EQ(pids(listing), (std::vector{1, 2}));
  EXPECT_FALSE(listing.entries[0].credentials);
  EXPECT_TRUE(listing.entries[1].credentials);
  ASSERT_EQ(listing.problems.size(), 1u);
  EXPECT_NE(listing.problems[0].message.find("task 1"), std::string::npos);
}

TEST(Tasks, DependOnlyOnThePartsThatWereAskedFor) {
  TaskWorld world;
  const Gva init = world.add_process(1, "init");
  world.finish();
  (void)tasks(world.kernel);  // reads the types, which no verdict depends on
  ReadSet looked;
  world.kernel.snapshot().record_into(&looked);
  ASSERT_EQ(tasks(world.kernel, {TaskParts::credentials, {}}).entries.size(), 1u);
  world.kernel.snapshot().record_into(nullptr);
  world.kernel.put(init + TaskWorld::Task::state, std::uint32_t{1});
  world.kernel.put(init + TaskWorld::Task::prio, std::uint32_t{1});
  EXPECT_TRUE(looked.unchanged_in(world.kernel.memory()));
  world.kernel.put(world.credentials + TaskWorld::Cred::euid, std::uint32_t{1});
  EXPECT_FALSE(looked.unchanged_in(world.kernel.memory()));
}

TEST(Tasks, WithoutTypesThereAreNoneAndTheProblemSaysWhy) {
  TaskWorld world;
  world.add_process(1, "init");
  world.finish();
  world.kernel.set_recovered_types(nullptr);
  const auto listing = tasks(world.kernel);
  EXPECT_TRUE(listing.entries.empty());
  EXPECT_NE(problems(listing).find("no type information"), std::string::npos);
}

/// As on a kernel without BTF: some members of some structs.
class SomeTypes final : public Types {
 public:
  explicit SomeTypes(const Types& all) : all_(all) {}
  Result<Field> field(std::string_view type, std::string_view path) const override {
    for (const auto known : {"tasks", "pid", "tgid", "comm", "flags", "mm", "real_cred"})
      if (type == "task_struct" && path == known) return all_.field(type, path);
    return fail(Errc::unavailable, "where member `" + std::string(path) + "` of struct " + std::string(type) +
                                       " stands is not known");
  }
  Result<std::uint64_t> size_of(std::string_view) const override {
    return fail(Errc::unavailable, "no size");
  }
  Result<std::int64_t> enumerator(std::string_view, std::string_view) const override {
    return fail(Errc::unavailable, "no enumerators");
  }

 private:
  const Types& all_;
};

TEST(Tasks, OfAKernelWithSomeLayoutsAreListedAndWhatIsUnknownIsNamed) {
  TaskWorld world;
  const Gva init = world.add_process(1, "init");
  world.add_thread(init, 3, "worker");
  world.finish();
  const SomeTypes some(**world.kernel.btf());
  world.kernel.set_recovered_types(&some);
  const auto plain = tasks(world.kernel, {TaskParts::none, {}});
  EXPECT_EQ(problems(plain), "");
  EXPECT_EQ(pids(plain), std::vector{1});
  const auto all = tasks(world.kernel);
  ASSERT_EQ(pids(all), std::vector{1});
  EXPECT_FALSE(all.entries[0].state);
  EXPECT_NE(problems(all).find("__state"), std::string::npos);
  const auto every = threads(world.kernel, {TaskParts::none, {}});
  EXPECT_EQ(pids(every), std::vector{1});
  EXPECT_NE(problems(every).find("threads but the first of each process"), std::string::npos);
}

}  // namespace
}  // namespace ringside::guest::linux
