// SPDX-License-Identifier: Apache-2.0
// The policies on subsystems and settings over a made-up kernel: silent while it is healthy, and one finding
// for each pointer that leads to nobody's memory.
#include "fake_guest.h"
#include "policies/engine/evaluator.h"
#include "policies/engine/shipped.h"
#include "tests/unit/support/hook_world.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace ringside::policies::testing {
namespace {

using guest::Gva;
using ringside::testing::HookWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Subsystems {
 public:
  /// Changes the kernel before it is looked at for the first time.
  explicit Subsystems(const std::function<void(HookWorld&)>& change = [](HookWorld&) {}) {
    change(world);
    guest::linux::Kernel::set(world.kernel.snapshot(),
                              {std::shared_ptr<guest::linux::Kernel>(), &world.kernel});
    const std::set<std::string_view> subjects = {"linux-notifiers",       "linux-network-hooks",
                                                 "linux-file-operations", "linux-terminals",
                                                 "linux-execution",       "linux-settings"};
    std::erase_if(set_.policies, [&](const Policy& policy) { return !subjects.contains(policy.name); });
    EXPECT_EQ(set_.policies.size(), subjects.size());
    const auto evaluator = Evaluator::create(set_.policies).value();
    for (const auto& result : evaluator->evaluate(world.kernel.snapshot())) {
      if (result.verdict != Verdict::violated) continue;
      violated.push_back(result.policy->name + "/" + result.check->id);
      for (const auto& violation : result.violations) messages.push_back(violation.message);
    }
  }

  HookWorld world;
  std::vector<std::string> violated, messages;

 private:
  PolicySet set_ = shipped_policies();
};

TEST(SubsystemPolicies, AreSilentOnAHealthyKernel) {
  EXPECT_THAT(Subsystems().violated, IsEmpty());
}

struct Case {
  const char* check;
  Gva HookWorld::*place;
};

class RedirectedPointer : public ::testing::TestWithParam<Case> {};

TEST_P(RedirectedPointer, IsFoundByItsCheckAlone) {
  const Subsystems found(
      [&](HookWorld& world) { world.kernel.put_pointer(world.*GetParam().place, HookWorld::kNobody); });
  EXPECT_THAT(found.violated, ElementsAre(GetParam().check));
  ASSERT_THAT(found.messages, ::testing::SizeIs(1));
  EXPECT_THAT(found.messages[0], HasSubstr("0xffffffffc0500000"));
}

INSTANTIATE_TEST_SUITE_P(
    All, RedirectedPointer,
    ::testing::Values(Case{"linux-notifiers/function-in-text", &HookWorld::die_block},
                      Case{"linux-network-hooks/packet-handlers", &HookWorld::packet_func},
                      Case{"linux-network-hooks/protocols", &HookWorld::proto_sendmsg},
                      Case{"linux-network-hooks/devices", &HookWorld::rx_handler},
                      Case{"linux-file-operations/proc-tables", &HookWorld::proc_ops},
                      Case{"linux-file-operations/sequences", &HookWorld::seq_show},
                      Case{"linux-file-operations/objects", &HookWorld::root_fop},
                      Case{"linux-file-operations/table-functions", &HookWorld::root_iterate},
                      Case{"linux-terminals/line-disciplines", &HookWorld::ldisc_receive},
                      Case{"linux-terminals/registered-disciplines", &HookWorld::tty_ldisc},
                      Case{"linux-terminals/input", &HookWorld::input_event},
                      Case{"linux-terminals/sysrq", &HookWorld::sysrq_handler},
                      Case{"linux-execution/timers", &HookWorld::timer_function},
                      Case{"linux-execution/timers", &HookWorld::delayed_func},
                      Case{"linux-execution/timers", &HookWorld::hrtimer_function},
                      Case{"linux-execution/work", &HookWorld::work_func},
                      Case{"linux-execution/softirqs", &HookWorld::softirq_action},
                      Case{"linux-execution/interrupts", &HookWorld::irq_handler},
                      Case{"linux-execution/binary-formats", &HookWorld::binfmt_load}),
    [](const auto& one) {
      std::string name = one.param.check;
      for (char& c : name)
        if (c == '-' || c == '/') c = '_';
      return name + "_" + std::to_string(one.index);
    });

/// A module's function where only the kernel's own can be: in an object of the kernel image.
class PointerTakenByAModule : public ::testing::TestWithParam<Case> {};

TEST_P(PointerTakenByAModule, IsFoundByItsCheckAlone) {
  const Subsystems found([&](HookWorld& world) {
    world.kernel.put_pointer(world.*GetParam().place, HookWorld::kModule + 0x10);
  });
  EXPECT_THAT(found.violated, ElementsAre(GetParam().check));
  EXPECT_THAT(found.messages, ElementsAre(HasSubstr("module guard")));
}

INSTANTIATE_TEST_SUITE_P(All, PointerTakenByAModule,
                         ::testing::Values(Case{"linux-file-operations/sequences", &HookWorld::seq_show},
                                           Case{"linux-file-operations/table-functions",
                                                &HookWorld::root_iterate}),
                         [](const auto& one) { return "Place" + std::to_string(one.index); });

TEST(SubsystemPolicies, ANetfilterHookOfNobodysIsFound) {
  const Subsystems found(
      [](HookWorld& world) { world.kernel.put_pointer(world.netfilter_entries + 8, HookWorld::kNobody); });
  EXPECT_THAT(found.violated, ElementsAre("linux-network-hooks/netfilter"));
  EXPECT_THAT(found.messages,
              ElementsAre(HasSubstr("netfilter hook ipv4 LOCAL_IN (priority -200, network namespace "
                                    "4026531840) calls - at 0xffffffffc0500000")));
}

TEST(SubsystemPolicies, TheMiddleOfAFunctionOfTheKernelIsFound) {
  const Subsystems found(
      [](HookWorld& world) { world.kernel.put_pointer(world.proto_sendmsg, HookWorld::function(8) + 5); });
  EXPECT_THAT(found.violated, ElementsAre("linux-network-hooks/protocols"));
  EXPECT_THAT(found.messages, ElementsAre(HasSubstr("sendmsg of TCP (-) is function_8+0x5 at")));
}

TEST(SubsystemPolicies, AModuleOnTheChainOfModulesIsAFinding) {
  const Subsystems found(
      [](HookWorld& world) { world.kernel.put_pointer(world.module_block, HookWorld::kModule + 0x10); });
  EXPECT_THAT(found.violated, ElementsAre("linux-notifiers/keyboard-and-modules"));
  EXPECT_THAT(found.messages, ElementsAre(HasSubstr("of module guard")));
}

TEST(SubsystemPolicies, CodeOfAModuleThatIsBeingLoadedIsNoFinding) {
  const Subsystems found([](HookWorld& world) {
    const Gva module = world.modules.add("newcomer", 1);  // MODULE_STATE_COMING
    world.modules.set_region(module, {guest::linux::ModuleRegionKind::text, 0xffffffffc0200000, 0x1000});
    world.kernel.put_pointer(world.die_block, 0xffffffffc0200010);
  });
  EXPECT_THAT(found.violated, IsEmpty());
}

TEST(SubsystemPolicies, AnotherModprobeIsFound) {
  const Subsystems found([](HookWorld& world) { world.kernel.put_string(world.modprobe_path, "/tmp/x"); });
  EXPECT_THAT(found.violated, ElementsAre("linux-settings/helpers"));
  EXPECT_THAT(found.messages, ElementsAre("modprobe_path is /tmp/x, normally /sbin/modprobe"));
}

TEST(SubsystemPolicies, AnotherPlaceOfTheSameModprobeAndNoneAreNoFinding) {
  for (const char* path : {"/usr/sbin/modprobe", ""}) {
    const Subsystems found([&](HookWorld& world) { world.kernel.put_string(world.modprobe_path, path); });
    EXPECT_THAT(found.violated, IsEmpty()) << path;
  }
}

TEST(SubsystemPolicies, ATaintThatAModuleHasAndTheKernelHasNotIsFound) {
  const Subsystems found([](HookWorld& world) {
    const Gva module = world.modules.add("outside");
    world.kernel.put_pointer(module + world.modules.offset().taints, 1u << 12);
  });
  EXPECT_THAT(found.violated, ElementsAre("linux-settings/taints"));
}

TEST(SubsystemPolicies, CoreDumpsMayGoToPrograms) {
  const auto with = [](const char* pattern) {
    return Subsystems([&](HookWorld& world) {
             world.kernel.put_string(world.kernel.symbol("core_pattern").value(), pattern);
           })
        .violated;
  };
  EXPECT_THAT(with("|/usr/lib/systemd/systemd-coredump %P"), IsEmpty());
  EXPECT_THAT(with("/var/crash/core.%p"), IsEmpty());
  EXPECT_THAT(with("|/dev/shm/x"), ElementsAre("linux-settings/core-dumps"));
}

}  // namespace
}  // namespace ringside::policies::testing
