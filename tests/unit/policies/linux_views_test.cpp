// SPDX-License-Identifier: Apache-2.0
// The policies on hidden modules, processes, credentials and sockets over made-up kernels: silent while all
// records agree, and one check for each way to hide.
#include "fake_guest.h"
#include "policies/engine/evaluator.h"
#include "policies/engine/shipped.h"
#include "tests/unit/support/module_view_world.h"
#include "tests/unit/support/net_world.h"
#include "tests/unit/support/task_view_world.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace ringside::policies::testing {
namespace {

using guest::Gva;
using ringside::testing::FakeKernel;
using ringside::testing::ModuleViewWorld;
using ringside::testing::NetWorld;
using ringside::testing::TaskViewWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Found {
  std::vector<std::string> violated, messages;
};

/// What the checks of policy `name` whose ids begin with `checks` find.
Found look(FakeKernel& kernel, std::string_view name, std::string_view checks = "") {
  guest::linux::Kernel::set(kernel.snapshot(), {std::shared_ptr<guest::linux::Kernel>(), &kernel});
  auto set = shipped_policies();
  for (const auto& error : set.errors) ADD_FAILURE() << render(error, false);
  std::erase_if(set.policies, [&](const Policy& policy) { return policy.name != name; });
  EXPECT_EQ(set.policies.size(), 1u);
  const auto evaluator = Evaluator::create(set.policies).value();
  Found found;
  for (const auto& result : evaluator->evaluate(kernel.snapshot())) {
    if (result.verdict != Verdict::violated || !result.check->id.starts_with(checks)) continue;
    found.violated.push_back(result.check->id);
    for (const auto& violation : result.violations) found.messages.push_back(violation.message);
  }
  return found;
}

struct Modules {
  ModuleViewWorld world;
  Gva veth = world.add("veth"), evil = world.add("evil");
  Found look() {
    world.finish();
    return testing::look(world.kernel, "linux-modules");
  }
};

TEST(ModulePolicy, IsSilentWhileRecordsAgree) {
  EXPECT_THAT(Modules().look().violated, IsEmpty());
}
TEST(ModulePolicy, NamesAHiddenModuleAndWhereItIsMissing) {
  Modules modules;
  ModuleViewWorld::take_out(modules.world.listed, modules.evil);
  const auto found = modules.look();
  EXPECT_THAT(found.violated, ElementsAre("hidden-module"));
  EXPECT_THAT(found.messages, ElementsAre(HasSubstr("module evil at 0x0000000002011000")));
}
TEST(ModulePolicy, TellsOfMemoryThatBelongsToNoModule) {
  Modules modules;
  modules.world.add_area(Gva{ModuleViewWorld::kModules + 0x80000}, 0x2000, Gva{0x1001010});
  const auto found = modules.look();
  EXPECT_THAT(found.violated, ElementsAre("memory-of-no-module"));
  EXPECT_THAT(found.messages, ElementsAre(HasSubstr("8192 bytes at 0x0000000002080000")));
}
TEST(ModulePolicy, TellsOfATaintThatWasCleared) {
  Modules modules;
  modules.world.kernel.put(modules.evil + ModuleViewWorld::Module::taints, std::uint64_t{0x1000});
  const auto found = modules.look();
  EXPECT_THAT(found.violated, ElementsAre("taint-cleared"));
  EXPECT_THAT(found.messages, ElementsAre(HasSubstr("lacks O, which module evil")));
}

struct Tasks {
  TaskViewWorld world;
  Gva init = world.add(1, "init"), shell = world.add(7, "shell"), thread = world.add(8, "thread", shell);
  Found look(std::string_view policy, std::string_view checks = "") {
    world.finish();
    return testing::look(world.kernel, policy, checks);
  }
};

TEST(ProcessPolicy, IsSilentWhileRecordsAgree) {
  EXPECT_THAT(Tasks().look("linux-processes").violated, IsEmpty());
}
TEST(ProcessPolicy, NamesAHiddenProcessAndWhereItIsMissing) {
  Tasks tasks;
  tasks.world.take_out(tasks.world.children, tasks.shell);
  const auto found = tasks.look("linux-processes");
  EXPECT_THAT(found.violated, ElementsAre("hidden-process"));
  EXPECT_THAT(found.messages, ElementsAre(HasSubstr("shell (pid 7")));
}
TEST(ProcessPolicy, TellsOfAFalsePid) {
  Tasks tasks;
  tasks.world.kernel.put(tasks.shell + TaskViewWorld::Task::pid, std::int32_t{31337});
  const auto found = tasks.look("linux-processes");
  EXPECT_THAT(found.violated, ElementsAre("false-pid"));
}

TEST(CredentialPolicy, IsSilentOnAHealthyKernel) {
  EXPECT_THAT(Tasks().look("linux-credentials").violated, IsEmpty());
}
TEST(CredentialPolicy, TellsOfTheFirstTasksCredentials) {
  Tasks tasks;
  tasks.world.set_cred(tasks.shell, tasks.world.init_cred, tasks.world.init_cred);
  EXPECT_THAT(tasks.look("linux-credentials").violated, ElementsAre("init-cred"));
}
TEST(CredentialPolicy, TellsOfSharedCredentials) {
  Tasks tasks;
  const Gva of_init = tasks.world.cred(tasks.init);
  tasks.world.set_cred(tasks.shell, of_init, of_init);
  EXPECT_THAT(tasks.look("linux-credentials").violated, ElementsAre("shared"));
}
TEST(CredentialPolicy, TellsOfActingAsAnotherProcess) {
  Tasks tasks;
  tasks.world.set_cred(tasks.shell, tasks.world.cred(tasks.shell), tasks.world.cred(tasks.init));
  EXPECT_THAT(tasks.look("linux-credentials").violated, ElementsAre("acting-as-another"));
}
TEST(CredentialPolicy, LeavesThoseAloneThatWorkForOthers) {
  for (const std::uint32_t flag : {0x10u, 0x200000u}) {
    Tasks worker;
    worker.world.set_cred(worker.shell, worker.world.cred(worker.shell), worker.world.cred(worker.init));
    worker.world.kernel.put(worker.shell + TaskViewWorld::Task::flags, flag);
    EXPECT_THAT(worker.look("linux-credentials").violated, IsEmpty()) << flag;
  }
}
TEST(CredentialPolicy, TellsOfCapabilitiesOutOfNowhere) {
  Tasks tasks;
  tasks.world.kernel.put(tasks.world.cred(tasks.init) + TaskViewWorld::Cred::effective, std::uint64_t{1});
  EXPECT_THAT(tasks.look("linux-credentials").violated, ElementsAre("capabilities-beyond-permitted"));
}
TEST(CredentialPolicy, TellsOfCredentialsThatWereFreed) {
  Tasks tasks;
  tasks.world.kernel.put(tasks.world.cred(tasks.init) + TaskViewWorld::Cred::usage, std::int32_t{0});
  EXPECT_THAT(tasks.look("linux-credentials").violated, ElementsAre("freed"));
}

TEST(SocketPolicy, IsSilentAboutSocketsAndInterfacesAsTheyAre) {
  NetWorld world;
  const Gva sk = world.add_sock(2, 1, 6, 10, 700);
  world.into_listeners(sk);
  world.open(world.add_process(42, "server"), 5, sk);
  world.add_device("eth0", 2);
  world.finish();
  EXPECT_THAT(look(world.kernel, "linux-sockets").violated, IsEmpty());
}
TEST(SocketPolicy, TellsOfAnInterfaceThatIsPromiscuousInSecret) {
  NetWorld world;
  world.kernel.put(world.add_device("eth0", 2, 1) + NetWorld::Device::flags, std::uint32_t{0x1003});
  world.finish();
  EXPECT_THAT(look(world.kernel, "linux-sockets").violated, ElementsAre("promiscuity-disguised"));
}

}  // namespace
}  // namespace ringside::policies::testing
