// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/modules.h"

#include "tests/unit/support/fake_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FakeModules;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Layout = FakeModules::Layout;
using Kind = ModuleRegionKind;

struct World {
  Layout layout;
  unsigned bits;
};
class Modules : public ::testing::TestWithParam<World> {
 protected:
  FakeModules world{GetParam().layout, GetParam().bits};
  Listing<Module> list(ModuleParts parts = kAllModuleParts) { return modules(world.kernel, parts); }
  std::uint64_t base() const { return GetParam().bits == 64 ? 0xffffffffc0100000 : 0xf8100000; }
};

TEST_P(Modules, AreGivenInTheKernelsOrderWithTheOrderInWhichTheyWereLoaded) {
  for (const char* name : {"first", "second", "third"}) world.add(name);
  const auto found = list();
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_EQ(found.entries.size(), 3u);
  EXPECT_EQ(found.entries[0].name, "third");
  EXPECT_EQ(found.entries[0].load_order, 3u);
  EXPECT_EQ(found.entries[2].name, "first");
  EXPECT_EQ(found.entries[2].load_order, 1u);
}

TEST_P(Modules, NoneIsNoProblem) {
  const auto found = list();
  EXPECT_THAT(found.entries, IsEmpty());
  EXPECT_THAT(found.problems, IsEmpty());
}

TEST_P(Modules, EveryRegionIsGivenWithItsKind) {
  const Gva module = world.add("one");
  std::vector<ModuleRegion> wanted = {{Kind::text, Gva{base()}, 0x3000},
                                      {Kind::rodata, Gva{base() + 0x3000}, 0x2000},
                                      {Kind::ro_after_init, Gva{base() + 0x5000}, 0x1000},
                                      {Kind::data, Gva{base() + 0x6000}, 0x4000}};
  if (GetParam().layout == Layout::by_kind) {
    for (const auto& region : wanted)
      world.set_region(module, {region.kind, region.base.value, static_cast<std::uint32_t>(region.size)});
  } else {
    world.set_area(module, false, base(), 0xa000, 0x3000, 0x5000, 0x6000);
  }
  const auto found = list(ModuleParts::layout);
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_THAT(found.entries[0].regions, ::testing::UnorderedElementsAreArray(wanted));
  EXPECT_EQ(found.entries[0].base, Gva{base()});
  EXPECT_EQ(found.entries[0].size, 0xa000u);
}

TEST_P(Modules, MemoryOfTheInitPartIsToldApartAndCounted) {
  const Gva module = world.add("one", 1);
  if (GetParam().layout == Layout::by_kind) {
    world.set_region(module, {Kind::text, base(), 0x1000});
    world.set_region(module, {Kind::init_text, base() + 0x8000, 0x1000});
    world.set_region(module, {Kind::init_rodata, base() + 0x9000, 0x1000});
    world.set_region(module, {Kind::init_data, base() + 0xa000, 0x1000});
  } else {
    world.set_area(module, false, base(), 0x1000, 0x1000, 0x1000, 0x1000);
    world.set_area(module, true, base() + 0x8000, 0x3000, 0x1000, 0x2000, 0);
  }
  const auto found = list(ModuleParts::layout);
  ASSERT_EQ(found.entries.size(), 1u);
  const Module& one = found.entries[0];
  EXPECT_EQ(one.state, ModuleState::coming);
  EXPECT_EQ(one.size, 0x4000u);
  ASSERT_NE(one.region(Kind::init_data), nullptr);
  EXPECT_EQ(one.region(Kind::init_data)->base, Gva{base() + 0xa000});
  EXPECT_EQ(one.region(Kind::init_rodata)->base, Gva{base() + 0x9000});
  EXPECT_EQ(one.region(Kind::init_text)->size, 0x1000u);
  EXPECT_EQ(one.region(Kind::data), nullptr);
}

TEST_P(Modules, SizesThatCannotBeAreCutAndRegionsThatCannotBeAreProblems) {
  const Gva module = world.add("liar");
  if (GetParam().layout == Layout::by_kind) {
    world.set_region(module, {Kind::text, ~std::uint64_t{0} - 10, 0xffffffff});
    const auto found = list(ModuleParts::layout);
    ASSERT_EQ(found.entries.size(), 1u);
    EXPECT_THAT(found.entries[0].regions, IsEmpty());
    EXPECT_THAT(found.problems, ElementsAre(Field(&Error::message, HasSubstr("module liar"))));
  } else {
    world.set_area(module, false, base(), 0x2000, 0xffffffff, 5, 0xfffffff0);
    const auto found = list(ModuleParts::layout);
    ASSERT_EQ(found.entries.size(), 1u);
    EXPECT_THAT(found.entries[0].regions, ElementsAre(ModuleRegion{Kind::text, Gva{base()}, 0x2000}));
  }
}

TEST_P(Modules, TextsNumbersAndFunctionsAreThoseOfTheStruct) {
  const Gva module = world.add("one");
  auto& kernel = world.kernel;
  world.set_pointer(module, world.offset().version, world.text("2.3"));
  world.set_pointer(module, world.offset().srcversion, world.text("ABCDEF"));
  world.set_pointer(module, world.offset().args, world.text("a=1 b"));
  world.set_pointer(module, world.offset().exit, Gva{base()});
  kernel.put(module + world.offset().refcnt, std::int32_t{4});
  kernel.put_pointer(module + world.offset().taints, 0x3001);
  kernel.put(module + world.offset().num_kp, std::uint32_t{7});
  world.set_symbols(module, {{"", 0}, {"a", 1}, {"b", 2}});
  const auto found = list();
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_EQ(found.entries.size(), 1u);
  const Module& one = found.entries[0];
  EXPECT_EQ(one.version, "2.3");
  EXPECT_EQ(one.srcversion, "ABCDEF");
  EXPECT_EQ(one.args, "a=1 b");
  EXPECT_EQ(one.init, Gva{0});
  EXPECT_EQ(one.exit, Gva{base()});
  EXPECT_EQ(one.references, 3);
  EXPECT_EQ(taint_letters(*one.taints), "POE");
  EXPECT_EQ(one.parameters, 7u);
  EXPECT_EQ(one.symbols, 3u);
}

TEST_P(Modules, WhatIsNotAskedForIsNotRead) {
  const Gva module = world.add("one");
  world.set_pointer(module, world.offset().version, world.text("2.3"));
  const auto found = list(ModuleParts::none);
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_EQ(found.entries[0].version, std::nullopt);
  EXPECT_EQ(found.entries[0].taints, std::nullopt);
  EXPECT_EQ(found.entries[0].references, std::nullopt);
  EXPECT_THAT(found.entries[0].regions, IsEmpty());
}

TEST_P(Modules, UsersAreNamed) {
  const Gva used = world.add("used"), a = world.add("a"), b = world.add("b");
  auto& kernel = world.kernel;
  std::vector<Gva> uses;
  for (const Gva user : {b, a}) {
    const Gva use = kernel.allocate(std::uint64_t{5} * kernel.pointer_size());
    kernel.put_pointer(use + std::uint64_t{4} * kernel.pointer_size(), user.value);
    uses.push_back(use);
  }
  kernel.put_list(used + world.offset().source_list, uses);
  const auto found = list(ModuleParts::users);
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_EQ(found.entries.size(), 3u);
  EXPECT_THAT(found.entries[2].used_by, ElementsAre("b", "a"));
  EXPECT_THAT(found.entries[0].used_by, IsEmpty());
}

TEST_P(Modules, AnUnformedModuleHasANameOnly) {
  const Gva module = world.add("half", 3);
  world.set_pointer(module, world.offset().version, Gva{0xdead});
  world.kernel.put_list(module + world.offset().source_list, {});
  const auto found = list();
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_EQ(found.entries[0].state, ModuleState::unformed);
  EXPECT_EQ(found.entries[0].version, std::nullopt);
}

TEST_P(Modules, AStringThatCannotBeReadCostsThatStringOnly) {
  const Gva module = world.add("one");
  world.add("two");
  world.set_pointer(module, world.offset().version, Gva{FakeModules{}.kernel.kRam + 4096});
  const auto found = list(ModuleParts::texts);
  EXPECT_EQ(found.entries.size(), 2u);
  EXPECT_THAT(found.problems, ElementsAre(Field(&Error::message, HasSubstr("the version of module one"))));
}

TEST_P(Modules, ATornListIsAProblemAndHasNoLoadOrder) {
  const Gva first = world.add("first");
  world.add("second");
  world.kernel.put_pointer(first + world.offset().list, 0xdead0000);
  const auto found = list(ModuleParts::none);
  ASSERT_EQ(found.entries.size(), 2u);
  EXPECT_EQ(found.entries[0].load_order, std::nullopt);
  EXPECT_FALSE(found.problems.empty());
}

INSTANTIATE_TEST_SUITE_P(Layouts, Modules,
                         ::testing::Values(World{Layout::by_kind, 64}, World{Layout::core_and_init, 64},
                                           World{Layout::core_and_init, 32}));

TEST(ModulesOfAnUnknownKernel, AreNotThereAndSaySo) {
  testing::FakeKernel kernel;
  const auto found = modules(kernel);
  EXPECT_THAT(found.entries, IsEmpty());
  EXPECT_THAT(found.problems, ElementsAre(Field(&Error::message, HasSubstr("symbol modules"))));
}

TEST(TaintLetters, AreInOrderOfBitAndUnknownOnesAreMarked) {
  EXPECT_EQ(taint_letters(0), "");
  EXPECT_EQ(taint_letters(1u << 13), "E");
  EXPECT_EQ(taint_letters(1u << 18 | 1u << 15), "KN");
  EXPECT_EQ(taint_letters(std::uint64_t{1} << 40), "?");
}

}  // namespace
}  // namespace ringside::guest::linux
