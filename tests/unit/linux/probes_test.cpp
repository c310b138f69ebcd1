// SPDX-License-Identifier: Apache-2.0
// kprobes, uprobes and live patches on a made-up kernel.
#include "guest/linux/hooks/kprobes.h"
#include "guest/linux/hooks/livepatches.h"
#include "guest/linux/hooks/uprobes.h"
#include "tests/unit/support/trace_world.h"

#include <gmock/gmock.h>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TraceWorld;
using Kprobe = TraceWorld::Kprobe;

std::vector<std::string> slots(const Listing<KprobeHandler>& listing) {
  std::vector<std::string> all;
  for (const auto& one : listing.entries) all.emplace_back(one.slot);
  return all;
}

TEST(Kprobes, TellTheHandlersOfEachProbe) {
  TraceWorld world;
  const Gva probe = world.add_kprobe(Gva{0x1001000}, world.function("kprobe_dispatcher"), 0x8);
  world.kernel.put_pointer(probe + Kprobe::post, 0x1001200);
  const auto all = kprobe_handlers(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  EXPECT_THAT(slots(all), ElementsAre("pre_handler", "post_handler"));
  EXPECT_EQ(all.entries[0].probe, probe);
  EXPECT_EQ(all.entries[0].address, Gva{0x1001000});
  EXPECT_EQ(kprobe_flag_names(all.entries[0].flags), "FTRACE");
  EXPECT_EQ(kprobe_flag_names(0x82), "DISABLED|0x80");
}

TEST(Kprobes, AKretprobeIsEnteredByHandlersOfItsOwn) {
  TraceWorld world;
  const Gva probe = world.add_kprobe(Gva{0x1001000}, world.function("pre_handler_kretprobe")),
            rethook = world.kernel.allocate(16);
  world.kernel.put_pointer(probe + Kprobe::handler, TraceWorld::kNobody);
  world.kernel.put_pointer(probe + Kprobe::rethook, rethook.value);
  world.kernel.put_pointer(rethook + 8, world.function("kretprobe_rethook_handler").value);
  const auto all = kprobe_handlers(world.kernel).value();
  EXPECT_THAT(slots(all), ElementsAre("pre_handler", "handler", "rethook.handler"));
  EXPECT_EQ(all.entries[1].function, Gva{TraceWorld::kNobody});
}

TEST(Kprobes, ThoseThatAnotherManagesAreProbesToo) {
  TraceWorld world;
  const Gva manager = world.add_kprobe(Gva{0x1001000}, world.function("aggr_pre_handler")),
            one = world.make_kprobe(Gva{0x1001000}, Gva{0x1001210}),
            two = world.make_kprobe(Gva{0x1001000}, Gva{0x1001220});
  world.kernel.put_list(manager + Kprobe::list, std::vector{one + Kprobe::list, two + Kprobe::list});
  const auto all = kprobe_handlers(world.kernel).value();
  ASSERT_THAT(all.entries, SizeIs(3));
  EXPECT_EQ(all.entries[0].manager, std::nullopt);
  EXPECT_EQ(all.entries[1].manager, manager);
  EXPECT_EQ(all.entries[2].function, Gva{0x1001220});
}

TEST(Kprobes, AChainThatLeadsNowhereCostsItselfOnly) {
  TraceWorld world;
  const Gva lost = world.add_kprobe(Gva{0x1001000}, Gva{0x1001200});
  world.add_kprobe(Gva{0x1001010}, Gva{0x1001300});
  world.kernel.put_pointer(lost + Kprobe::hlist, 0x7fff00000000);
  world.kernel.put_pointer(lost + Kprobe::list, 0x7fff00000000);
  const auto all = kprobe_handlers(world.kernel).value();
  EXPECT_THAT(all.entries, SizeIs(2));
  EXPECT_THAT(all.problems, SizeIs(2));
}

TEST(Uprobes, TellFileOffsetAndHandlers) {
  for (const auto age : {TraceWorld::Age::older, TraceWorld::Age::newer}) {
    TraceWorld world(age);
    const Gva probe = world.add_uprobe(0x1234),
              consumer = world.add_consumer(probe, world.function("uprobe_dispatcher"));
    const auto all = uprobe_handlers(world.kernel, false).value();
    EXPECT_THAT(all.problems, IsEmpty());
    ASSERT_THAT(all.entries, SizeIs(1));
    EXPECT_EQ(all.entries[0].consumer, consumer);
    EXPECT_EQ(all.entries[0].inode_number, 77u);
    EXPECT_EQ(all.entries[0].offset, 0x1234u);
    EXPECT_EQ(all.entries[0].slot, "handler");
    EXPECT_EQ(all.entries[0].function, world.function("uprobe_dispatcher"));
  }
}

TEST(Livepatches, AreWhatPatchesListAndWhatIsCalled) {
  TraceWorld world;
  const Gva entry = world.add_livepatch(Gva{0x1001000}, Gva{TraceWorld::kDriver + 0x100}, true, true);
  const auto all = livepatch_functions(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(1));
  const auto& one = all.entries[0];
  EXPECT_EQ(one.address, entry);
  EXPECT_EQ(one.patch, "driver");
  EXPECT_EQ(one.object, "");
  EXPECT_EQ(one.name, "patched");
  EXPECT_EQ(one.enabled, true);
  EXPECT_TRUE(one.listed && one.active);
}

TEST(Livepatches, OneThatNoPatchListsIsSeenByWhatIsCalled) {
  TraceWorld world;
  world.add_livepatch(Gva{0x1001000}, Gva{TraceWorld::kNobody}, false, true);
  const auto all = livepatch_functions(world.kernel).value();
  ASSERT_THAT(all.entries, SizeIs(1));
  EXPECT_FALSE(all.entries[0].listed);
  EXPECT_EQ(all.entries[0].patch, std::nullopt);
  EXPECT_EQ(all.entries[0].old_function, Gva{0x1001000});
}

}  // namespace
}  // namespace ringside::guest::linux
