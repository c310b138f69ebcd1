// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/exported_symbols.h"
#include "guest/linux/referenced_variables.h"
#include "guest/linux/vmcoreinfo.h"
#include "tests/unit/support/untyped_objects.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::UntypedKernelWorld;
using testing::UntypedObjects;

constexpr std::uint32_t kVariable = UntypedKernelWorld::kData + 0x5000;

TEST(ExportedSymbols, AreTheVariablesThatTheTablesName) {
  UntypedKernelWorld world;
  world.export_symbol("init_task", kVariable);
  world.export_symbol("jiffies", kVariable + 64);
  world.finish();
  const auto exported = find_exported_symbols(world);
  ASSERT_TRUE(exported) << exported.error().message;
  EXPECT_EQ(exported->entries().size(), 2u);  // functions are for kallsyms
  EXPECT_EQ(exported->find("init_task"), Gva{kVariable});
  EXPECT_EQ(exported->find("jiffies"), Gva{kVariable + 64});
  EXPECT_EQ(exported->find("init_tas"), std::nullopt);
  EXPECT_EQ(exported->find("function_10000"), std::nullopt);
}

TEST(ExportedSymbols, OneWrongFunctionDoesNotCostTheRest) {
  UntypedKernelWorld world;
  world.export_symbol("init_task", kVariable);
  world.export_symbol("hooked", UntypedKernelWorld::kText + 5);
  world.finish();
  const auto exported = find_exported_symbols(world);
  ASSERT_TRUE(exported) << exported.error().message;
  EXPECT_EQ(exported->find("hooked"), std::nullopt);
}

TEST(ExportedSymbols, ATableThatContradictsKallsymsIsNone) {
  UntypedKernelWorld world;
  world.export_symbol("init_task", kVariable);
  for (int i = 0; i < 200; ++i)
    world.export_symbol("stranger_" + std::to_string(i), UntypedKernelWorld::kText + 5);
  world.finish();
  EXPECT_EQ(find_exported_symbols(world).error().code, Errc::mismatch);
}

TEST(ExportedSymbols, AreNotFoundInAKernelWithout) {
  UntypedKernelWorld world;
  world.finish(400);
  EXPECT_EQ(find_exported_symbols(world).error().code, Errc::not_found);
  world.mutable_identity().bits = 64;
  EXPECT_EQ(find_exported_symbols(world).error().code, Errc::unsupported);
}

TEST(ExportedSymbols, TheFirstOfSeveralWithOneNameCounts) {
  const ExportedSymbols exported({{"b", Gva{1}}, {"a", Gva{2}}, {"b", Gva{3}}});
  EXPECT_EQ(exported.find("b"), Gva{1});
  EXPECT_EQ(exported.entries().size(), 2u);
}

TEST(ReferencedVariable, IsWhatItsFunctionsHaveInCommonAndLooksLikeIt) {
  UntypedKernelWorld world;
  const UntypedObjects objects(world, {});
  EXPECT_EQ(referenced_variable(world, "modules"), Gva{objects.modules});
  EXPECT_EQ(referenced_variable(world, "saved_command_line"), Gva{objects.command_line});
  EXPECT_EQ(referenced_variable(world, "super_blocks"), std::nullopt);  // no function that uses it
  EXPECT_EQ(referenced_variable(world, "something_else"), std::nullopt);
}

TEST(ReferencedVariable, IsUnknownIfTwoFitEquallyWell) {
  UntypedKernelWorld world;
  const std::uint32_t one = world.variable(4), two = world.variable(4), text = world.allocate(64);
  world.put_text(text, "root=/dev/vda");
  world.put(one, text);
  world.put(two, text);
  world.define_function("cmdline_proc_show", {one, two});
  world.finish();
  EXPECT_EQ(referenced_variable(world, "saved_command_line"), std::nullopt);
}

TEST(ReferencedVariable, MayHoldAnEmptyList) {
  UntypedKernelWorld world;
  const std::uint32_t head = world.variable(8);
  world.put_list(head, {});
  world.define_function("print_modules", {head});
  world.finish();
  EXPECT_EQ(referenced_variable(world, "modules"), std::nullopt);  // nothing shows that it is one of modules
}

TEST(ReferencedVariable, MayBeAMutexThatIsFreeHeldOrWaitedFor) {
  UntypedKernelWorld world;
  const std::uint32_t free = world.variable(20), held = world.variable(20), number = world.variable(4),
                      task = world.allocate(64), waiter = world.allocate(16);
  world.put_list(free + 12, {});
  world.put(held, task | 1);
  world.put_list(held + 4, {waiter});
  world.put(number, std::uint32_t{7});
  world.define_function("jump_label_lock", {free, number});
  world.define_function("jump_label_unlock", {free, number});
  for (const char* user : {"register_kprobe", "enable_kprobe"}) world.define_function(user, {number, held});
  world.define_function("kprobe_optimizer", {held, free});  // takes two
  world.finish();
  EXPECT_EQ(referenced_variable(world, "jump_label_mutex"), Gva{free});
  EXPECT_EQ(referenced_variable(world, "kprobe_mutex"), Gva{held});
  EXPECT_EQ(referenced_variable(world, "text_mutex"), std::nullopt);
}

TEST(Vmcoreinfo, HoldsNamesWithValues) {
  const auto info = Vmcoreinfo::parse(
      "OSRELEASE=6.1.0-50-686\nBUILD-ID=0f01\nSYMBOL(prb)=c1a2b3c4\nSYMBOL(bad)=xyz\nno "
      "value\nOFFSET(page.flags)=0\n");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->value("OSRELEASE"), "6.1.0-50-686");
  EXPECT_EQ(info->value("OFFSET(page.flags)"), "0");
  EXPECT_EQ(info->symbol("prb"), Gva{0xc1a2b3c4});
  EXPECT_EQ(info->symbol("bad"), std::nullopt);
  EXPECT_EQ(info->symbol("absent"), std::nullopt);
  EXPECT_FALSE(Vmcoreinfo::parse(""));
  EXPECT_FALSE(Vmcoreinfo::parse("CRASHTIME=1\nOSRELEASE=6"));
}

TEST(Vmcoreinfo, IsFoundByItsVariable) {
  UntypedKernelWorld world;
  const UntypedObjects objects(world, {});
  const auto info = find_vmcoreinfo(world);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->value("OSRELEASE"), "6.1.0-fake");
  EXPECT_TRUE(world.symbol("init_uts_ns"));
}

}  // namespace
}  // namespace ringside::guest::linux
