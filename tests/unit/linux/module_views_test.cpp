// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_views.h"

#include "guest/linux/views/init_memory.h"
#include "guest/linux/views/module_release.h"
#include "tests/unit/support/module_view_world.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace ringside::guest::linux {
namespace {

using testing::ModuleViewWorld;
using W = ModuleViewWorld;

std::string problems(const Listing<ModuleView>& listing) {
  std::string all;
  for (const Error& problem : listing.problems) all += problem.message + "\n";
  return all;
}
std::string hidden(const Listing<ModuleView>& listing) {
  std::string all;
  for (const ModuleView& view : listing.entries)
    if (view.hidden == true) all += view.module->name + " ";
  return all;
}
std::size_t orphans(const Listing<ModuleView>& listing) {
  std::size_t count = 0;
  for (const ModuleView& view : listing.entries) count += view.area.has_value();
  return count;
}
const ModuleView& of(const Listing<ModuleView>& listing, Gva module) {
  for (const ModuleView& view : listing.entries)
    if (view.address == module) return view;
  throw std::runtime_error("no such module in the listing");
}

class ModuleViews : public ::testing::TestWithParam<W::Areas> {
 protected:
  W world{GetParam()};
  Gva veth = world.add("veth"), evil = world.add("evil"), bridge = world.add("bridge");

  Listing<ModuleView> look() {
    world.finish();
    return module_views(world.kernel);
  }
  void hide(std::initializer_list<std::vector<Gva>*> records) {
    for (auto* record : records) W::take_out(*record, evil);
  }
};
INSTANTIATE_TEST_SUITE_P(Areas, ModuleViews, ::testing::Values(W::Areas::list, W::Areas::nodes));

TEST_P(ModuleViews, OfAHealthyKernelAgree) {
  const auto listing = look();
  EXPECT_EQ(problems(listing), "");
  ASSERT_EQ(listing.entries.size(), 3u);
  EXPECT_EQ(hidden(listing), "");
  for (const ModuleView& view : listing.entries)
    for (const auto& one :
         {view.listed, view.sysfs, view.tree, view.tree_too, view.btf, view.bugs, view.memory, view.traced})
      EXPECT_EQ(one, true) << view.module->name;
}

TEST_P(ModuleViews, OneThatWasTakenOutOfTheListIsHidden) {
  hide({&world.listed});
  const auto listing = look();
  EXPECT_EQ(problems(listing), "");
  EXPECT_EQ(hidden(listing), "evil ");
  EXPECT_EQ(of(listing, evil).listed, false);
  EXPECT_EQ(of(listing, evil).sysfs, true);
  EXPECT_EQ(orphans(listing), 0u);
}

TEST_P(ModuleViews, EachRecordByItselfGivesItAway) {
  for (auto W::*record :
       {&W::listed, &W::in_sysfs, &W::in_tree, &W::in_tree_too, &W::with_types, &W::with_bugs, &W::traced}) {
    W other{GetParam()};
    other.add("veth");
    const Gva module = other.add("evil");
    W::take_out(other.*record, module);
    other.finish();
    EXPECT_EQ(hidden(module_views(other.kernel)), "evil ");
  }
}

TEST_P(ModuleViews, OneThatIsInNoRecordIsFoundInItsMemory) {
  hide({&world.listed, &world.in_sysfs, &world.in_tree, &world.in_tree_too, &world.with_types,
        &world.with_bugs, &world.traced});
  const auto listing = look();
  EXPECT_EQ(hidden(listing), "evil ");
  EXPECT_EQ(of(listing, evil).memory, true);
  EXPECT_EQ(orphans(listing), 0u);
}

TEST_P(ModuleViews, MemoryOfAModuleThatWasWipedBelongsToNone) {
  hide({&world.listed, &world.in_sysfs, &world.in_tree, &world.in_tree_too, &world.with_types,
        &world.with_bugs, &world.traced});
  world.kernel.put_string(evil + W::Module::name, "");
  const auto listing = look();
  EXPECT_EQ(hidden(listing), "");
  ASSERT_EQ(orphans(listing), 1u);
  EXPECT_EQ(listing.entries.back().area, W::base_of(evil));
  EXPECT_EQ(listing.entries.back().area_size, 0x4000u);
}

TEST_P(ModuleViews, MemoryThatOthersAskedForIsNotTheirs) {
  world.add_area(Gva{W::kModules + 0x80000}, 0x2000, Gva{0x1002010});
  const auto listing = look();
  EXPECT_EQ(orphans(listing), 0u);
  EXPECT_EQ(listing.entries.size(), 3u);
}

TEST_P(ModuleViews, MemoryThatNobodyKnownAskedForIsTold) {
  world.add_area(Gva{W::kModules + 0x80000}, 0x2000, Gva{0x3333000});
  EXPECT_EQ(orphans(look()), 1u);
}

TEST_P(ModuleViews, MemoryWithoutAModuleIsInFlightWhileInitsAreFreed) {
  const auto in_flight = [&](const std::function<void(W&)>& change) {
    W other{GetParam()};
    other.add("veth");
    other.add_area(Gva{W::kModules + 0x80000}, 0x2000, Gva{0x1001010});
    change(other);
    other.finish();
    return module_views(other.kernel).entries.back().in_flight;
  };
  EXPECT_FALSE(in_flight([](W&) {}));
  EXPECT_TRUE(in_flight([](W& one) { one.kernel.put_pointer(one.init_free_list, 0x5000); }));
  EXPECT_TRUE(in_flight([](W& one) { one.kernel.put_pointer(one.worker + 8, 0x1002800); }));
  EXPECT_TRUE(in_flight([](W& one) { one.add("coming", 1); }));
}

TEST_P(ModuleViews, WhileAWorkerFreesInitsAnyMemoryMayBeInItsHands) {
  const Gva page{W::kModules + 0x80000};
  W idle{GetParam()};
  idle.finish();
  EXPECT_FALSE(frees_init_memory_now(idle.kernel));
  world.finish();
  world.kernel.put_pointer(world.worker + 8, 0x1002800);
  EXPECT_TRUE(frees_init_memory_now(world.kernel));
  EXPECT_EQ(module_memory_in_hand(world.kernel, page), true);
}

TEST_P(ModuleViews, ModulesThatComeAndGoAreLeftOut) {
  for (const auto state : {1u, 2u}) {
    W other{GetParam()};
    const Gva module = other.add("going", state);
    W::take_out(other.with_types, module);
    W::take_out(other.in_sysfs, module);
    other.finish();
    EXPECT_EQ(hidden(module_views(other.kernel)), "") << state;
  }
}

TEST_P(ModuleViews, AnUnformedModuleIsHiddenOnlyWhereSysfsShowsIt) {
  const Gva loading = world.add("loading", 3), marked = world.add("marked", 3);
  W::take_out(world.in_sysfs, loading);
  const auto listing = look();
  EXPECT_EQ(hidden(listing), "marked ");
  EXPECT_EQ(orphans(listing), 0u) << "its memory is its own in every state";
  EXPECT_EQ(of(listing, marked).module->state, ModuleState::unformed);
}

TEST_P(ModuleViews, ViewsThatDoNotApplyAreUnknown) {
  world.kernel.put(veth + W::Module::types, std::uint32_t{0});
  world.kernel.put(veth + W::Module::sites, std::uint32_t{0});
  W::take_out(world.with_types, veth);
  W::take_out(world.traced, veth);
  const auto listing = look();
  EXPECT_EQ(of(listing, veth).btf, std::nullopt);
  EXPECT_EQ(of(listing, veth).traced, std::nullopt);
  EXPECT_EQ(hidden(listing), "");
}

TEST_P(ModuleViews, OfAModuleWhoseInitAloneCouldBeTracedFtraceNeedsNoRecord) {
  // ftrace forgets functions of a module's init once that is freed.
  const Gva sites = world.kernel.allocate(24);
  for (const unsigned i : {0u, 1u, 2u})
    world.kernel.put_pointer(sites + i * 8, W::base_of(veth).value + 0x8000);
  world.kernel.put_pointer(veth + W::Module::site_list, sites.value);
  W::take_out(world.traced, veth);
  const auto listing = look();
  EXPECT_EQ(of(listing, veth).traced, std::nullopt);
  EXPECT_EQ(hidden(listing), "");
}

TEST_P(ModuleViews, OfAModuleWithOneFunctionThatStaysFtraceNeedsARecord) {
  const Gva sites = world.kernel.allocate(24);
  for (const unsigned i : {0u, 1u, 2u})
    world.kernel.put_pointer(sites + i * 8, W::base_of(veth).value + 0x8000);
  world.kernel.put_pointer(sites + 16, W::base_of(veth).value + 0x10);
  world.kernel.put_pointer(veth + W::Module::site_list, sites.value);
  W::take_out(world.traced, veth);
  const auto listing = look();
  EXPECT_EQ(of(listing, veth).traced, false);
  EXPECT_EQ(hidden(listing), "veth ");
}

TEST_P(ModuleViews, AnFtraceThatHasSwitchedItselfOffAccusesNobody) {
  world.kernel.put(world.kernel.define_variable("ftrace_disabled", 4), std::int32_t{1});
  W::take_out(world.traced, veth);
  world.finish();
  const auto listing = module_views(world.kernel);
  EXPECT_NE(problems(listing).find("switched itself off"), std::string::npos);
  EXPECT_EQ(of(listing, veth).traced, std::nullopt);
  EXPECT_EQ(hidden(listing), "");
}

TEST_P(ModuleViews, ATornRecordIsToldAndAccusesNobody) {
  W::take_out(world.with_bugs, evil);
  world.finish();
  world.kernel.put_pointer(veth + W::Module::bug_list, 0xffff'ffff'ffff'fff0);
  const auto listing = module_views(world.kernel);
  EXPECT_NE(problems(listing).find("bug tables"), std::string::npos);
  EXPECT_EQ(of(listing, evil).bugs, std::nullopt);
  EXPECT_EQ(hidden(listing), "");
}

TEST_P(ModuleViews, ARecordThatPointsNowhereCostsItsRow) {
  world.finish();
  const Gva object{evil + W::Module::kobj};
  world.kernel.put_pointer(object + W::Module::owner, 0xffff'ffff'ffff'0000);
  const auto listing = module_views(world.kernel);
  EXPECT_NE(problems(listing).find("the module at 0xffffffffffff0000"), std::string::npos);
  EXPECT_EQ(hidden(listing), "evil ");
}

TEST_P(ModuleViews, ATaintThatTheKernelLacksWasCleared) {
  world.kernel.put(veth + W::Module::taints, std::uint64_t{0x3000});
  world.kernel.put(evil + W::Module::taints, std::uint64_t{0x1000});
  world.kernel.put(world.mask, std::uint64_t{0x1000});
  const auto listing = look();
  EXPECT_EQ(of(listing, veth).taints_cleared, 0x2000u);
  EXPECT_EQ(of(listing, evil).taints_cleared, 0u);
}

TEST_P(ModuleViews, WhatIsNotAskedForIsNotLookedAt) {
  hide({&world.traced});
  world.finish();
  const auto listing = module_views(world.kernel, {.memory = false, .traced = false});
  EXPECT_EQ(of(listing, veth).memory, std::nullopt);
  EXPECT_EQ(of(listing, evil).traced, std::nullopt);
  EXPECT_EQ(hidden(listing), "");
}

}  // namespace
}  // namespace ringside::guest::linux
