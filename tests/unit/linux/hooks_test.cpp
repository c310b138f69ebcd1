// SPDX-License-Identifier: Apache-2.0
// Pointers of subsystems, on a made-up kernel that has one in each.
#include "guest/linux/hooks/execution.h"
#include "guest/linux/hooks/files.h"
#include "guest/linux/hooks/network.h"
#include "guest/linux/hooks/notifiers.h"
#include "guest/linux/hooks/terminals.h"
#include "tests/unit/support/hook_world.h"

#include <gmock/gmock.h>

namespace ringside::guest::linux {
namespace {

using ringside::testing::HookWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class HookLists : public ::testing::Test {
 protected:
  HookWorld world;
  Kernel& kernel() { return world.kernel; }
  void point(Gva at, std::uint64_t value) { world.kernel.put_pointer(at, value); }

  static std::string told(const Hook& hook) {
    return hook.group + "/" + hook.name + "/" + hook.slot + "/" +
           (hook.number ? std::to_string(*hook.number) : "-");
  }
  static std::vector<std::string> told(const Hooks& hooks) {
    std::vector<std::string> lines;
    for (const Hook& hook : hooks.entries) lines.push_back(told(hook));
    return lines;
  }
};

TEST_F(HookLists, NotifiersAreThoseOfKnownChainsAndOfVariablesThatShowToBeOne) {
  const auto hooks = notifiers(kernel()).value();
  EXPECT_THAT(hooks.problems, IsEmpty());
  EXPECT_THAT(told(hooks), ::testing::UnorderedElementsAre(
                               "die_chain//notifier_call/2147483647", "die_chain//notifier_call/-3",
                               "module_notify_list//notifier_call/0", "an_unknown_chain//notifier_call/1"));
  const auto& die = hooks.entries.at(0);
  EXPECT_EQ(die.place, world.die_block);
  EXPECT_EQ(die.target, Gva{HookWorld::function(2)});
}

TEST_F(HookLists, AChainThatComesBackToItselfIsAProblemAndGivesEachBlockOnce) {
  point(world.module_block + 8, world.module_block.value);
  const auto hooks = notifiers(kernel()).value();
  EXPECT_THAT(told(hooks), SizeIs(4));
  ASSERT_THAT(hooks.problems, SizeIs(1));
  EXPECT_THAT(hooks.problems[0].message, HasSubstr("module_notify_list: it comes back to its block"));
}

TEST_F(HookLists, NetfilterHooksHaveTheirPriorities) {
  const auto hooks = netfilter_hooks(kernel()).value();
  EXPECT_THAT(hooks.problems, IsEmpty());
  EXPECT_THAT(told(hooks), ElementsAre("ipv4/LOCAL_IN/hook/-200", "ipv4/LOCAL_IN/hook/300"));
  EXPECT_EQ(hooks.entries[1].target, Gva{HookWorld::kModule + 0x20});
  EXPECT_EQ(hooks.entries[0].netns, 4026531840u);
}

TEST_F(HookLists, ACountOfNetfilterHooksThatNoKernelAllowsIsRefused) {
  world.kernel.put(world.netfilter_entries, std::uint16_t{0xffff});
  const auto hooks = netfilter_hooks(kernel()).value();
  EXPECT_THAT(hooks.entries, IsEmpty());
  ASSERT_THAT(hooks.problems, SizeIs(1));
  EXPECT_THAT(hooks.problems[0].message, HasSubstr("ipv4 LOCAL_IN: 65535 hooks"));
}

TEST_F(HookLists, PacketHandlersSayTheirProtocolInHostOrder) {
  EXPECT_THAT(told(packet_handlers(kernel()).value()), ElementsAre("ptype_base//func/2048"));
}

TEST_F(HookLists, ProtocolsGiveEveryFunctionThatTheirTypeHas) {
  const auto hooks = network_protocols(kernel()).value();
  EXPECT_THAT(hooks.problems, IsEmpty());
  EXPECT_THAT(told(hooks),
              ElementsAre("proto_list/TCP/sendmsg/-", "proto_list/TCP/close/-", "inet_protos//handler/6"));
}

TEST_F(HookLists, InterfacesHaveTablesAndAHandler) {
  const auto hooks = device_operations(kernel()).value();
  EXPECT_THAT(told(hooks), ElementsAre("eth0//netdev_ops/-", "eth0//rx_handler/-"));
  EXPECT_EQ(hooks.entries[0].kind, Hook::Kind::table);
  EXPECT_EQ(hooks.entries[1].kind, Hook::Kind::function);
}

TEST_F(HookLists, EntriesOfProcComeWithTheirPathsAndWhatTheyShow) {
  const auto hooks = proc_entries(kernel()).value();
  EXPECT_THAT(hooks.problems, IsEmpty());
  EXPECT_THAT(told(hooks), ElementsAre("proc//proc/net/proc_iops/-", "proc//proc/net/tcp/proc_ops/-",
                                       "proc//proc/net/tcp/seq_ops/-"));
}

TEST_F(HookLists, ATreeOfProcThatLeadsBackEndsAndIsAProblem) {
  // The entry `tcp` has its own parent below it.
  const Gva inner{world.proc_ops.value - 8};
  const Gva entry{kernel().read_pointer(kernel().symbol("proc_root").value() + 40)->value - 48};
  point(inner + 40, (entry + 48).value);
  const auto hooks = proc_entries(kernel()).value();
  EXPECT_THAT(told(hooks), SizeIs(3));
  EXPECT_THAT(hooks.problems, ::testing::Not(IsEmpty()));
}

TEST_F(HookLists, SequenceOperationsAreFoundBySymbolAndByProcOnce) {
  const auto hooks = sequence_operations(kernel()).value();
  EXPECT_THAT(told(hooks),
              ElementsAre("tcp4_seq_ops/tcp4_seq_ops/start/-", "tcp4_seq_ops/tcp4_seq_ops/stop/-",
                          "tcp4_seq_ops/tcp4_seq_ops/next/-", "tcp4_seq_ops/tcp4_seq_ops/show/-"));
  EXPECT_EQ(hooks.entries[3].place, world.seq_show);
}

TEST_F(HookLists, FileSystemsFormatsAndDevicesAreListed) {
  EXPECT_THAT(told(file_systems(kernel()).value()), ElementsAre("file_systems/ext4/kill_sb/-"));
  EXPECT_THAT(told(binary_formats(kernel()).value()), ElementsAre("formats//load_binary/0"));
  EXPECT_THAT(told(character_devices(kernel()).value()), ElementsAre("misc_list/rtc/fops/10485760"));
}

TEST_F(HookLists, TablesOfOperationsGiveTheirFunctionsOnce) {
  const auto hooks = operation_functions(kernel()).value();
  EXPECT_THAT(told(hooks), ElementsAre("file_operations/root ext4/iterate_shared/-"));
  EXPECT_EQ(hooks.entries[0].place, world.root_iterate);
}

TEST_F(HookLists, AFileHasTheOperationsOfItsPageCacheWhereverThatIs) {
  point(world.root_page_operations, 0x1000);
  // As the node of a block device has it: its own, and that of the device.
  const Gva device = world.kernel.allocate(16);
  point(device + 8, 0x2000);
  point(world.root_pages, device.value);
  std::vector<std::uint64_t> tables;
  const auto hooks = file_operations(kernel()).value();
  for (const Hook& hook : hooks.entries)
    if (hook.slot == "a_ops") tables.push_back(hook.target.value);
  EXPECT_THAT(tables, ElementsAre(0x1000, 0x2000));
}

TEST_F(HookLists, TablesOfNobodysAreNotReadAsOperations) {
  point(world.root_fop, HookWorld::kNobody);
  EXPECT_THAT(operation_functions(kernel()).value().entries, IsEmpty());
}

TEST_F(HookLists, TerminalsPointToTheirDiscipline) {
  EXPECT_THAT(told(line_disciplines(kernel()).value()),
              ElementsAre("tty_ldiscs/n_tty/read/0", "tty_ldiscs/n_tty/receive_buf/0"));
  EXPECT_THAT(told(sysrq_keys(kernel()).value()), ElementsAre("sysrq_key_table/b/handler/-"));
  EXPECT_THAT(told(input_handlers(kernel()).value()), ElementsAre("input_handler_list/kbd/event/-"));
  const auto drivers = tty_drivers(kernel()).value();
  EXPECT_THAT(told(drivers), ElementsAre("tty_drivers/ttyS/ops/-", "tty/ttyS0/ops/-", "tty/ttyS0/ldisc/-"));
  EXPECT_EQ(drivers.entries[2].target, world.ldisc_ops);
}

TEST_F(HookLists, TimersAreThoseOfEveryBaseAndOfDelayedWorkTheWork) {
  const auto hooks = timers(kernel()).value();
  EXPECT_THAT(hooks.problems, IsEmpty());
  EXPECT_THAT(told(hooks), ElementsAre("timer//function/0", "timer//work.func/0", "timer//function/0",
                                       "hrtimer//function/0"));
  EXPECT_EQ(hooks.entries[1].target, Gva{HookWorld::function(41)});
}

TEST_F(HookLists, WorkSoftirqsAndInterruptsAreListed) {
  const auto work = work_items(kernel()).value();
  EXPECT_THAT(told(work), ElementsAre("worklist//func/0"));
  EXPECT_EQ(work.entries[0].target, Gva{HookWorld::kModule + 0x40});
  EXPECT_THAT(softirqs(kernel()).value().entries, SizeIs(10));
  EXPECT_THAT(told(interrupt_handlers(kernel()).value()),
              ElementsAre("irq_desc//handle_irq/0", "irqaction/timer/handler/0"));
}

TEST_F(HookLists, WhatIsNotSetIsNotListed) {
  point(world.rx_handler, 0);
  EXPECT_THAT(told(device_operations(kernel()).value()), ElementsAre("eth0//netdev_ops/-"));
}

TEST(HooksWithoutTypes, AreUnavailableWithOneReason) {
  ringside::testing::FakeKernel kernel(32);
  kernel.set_recovered_types(nullptr);
  for (const auto list : {notifiers,          netfilter_hooks, packet_handlers,     network_protocols,
                          device_operations,  proc_entries,    sequence_operations, file_operations,
                          file_systems,       binary_formats,  character_devices,   line_disciplines,
                          tty_drivers,        input_handlers,  sysrq_keys,          timers,
                          work_items,         softirqs,        interrupt_handlers,  kernel_threads,
                          operation_functions}) {
    const auto hooks = list(kernel);
    ASSERT_FALSE(hooks);
    EXPECT_THAT(hooks.error().message, HasSubstr("this kernel holds no type information"));
  }
}

}  // namespace
}  // namespace ringside::guest::linux
