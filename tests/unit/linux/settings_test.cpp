// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/settings.h"

#include "tests/unit/support/hook_world.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace ringside::guest::linux {
namespace {

using ringside::testing::HookWorld;

const auto kAll = [](std::string_view) { return true; };

std::optional<Setting> find(Kernel& kernel, std::string_view name) {
  const auto all = settings(kernel, kAll).value();
  const auto found = std::ranges::find(all.entries, name, &Setting::name);
  return found == all.entries.end() ? std::nullopt : std::optional(*found);
}

TEST(Settings, AreTextsAndSignedNumbers) {
  HookWorld world;
  EXPECT_EQ(find(world.kernel, "modprobe_path")->text, "/sbin/modprobe");
  EXPECT_EQ(find(world.kernel, "kptr_restrict")->number, -1);
  EXPECT_EQ(find(world.kernel, "modules_disabled")->way, Setting::Way::rises);
  // What the kernel was built without is no row and no problem.
  EXPECT_FALSE(find(world.kernel, "apparmor_enabled"));
  EXPECT_TRUE(settings(world.kernel, kAll)->problems.empty());
}

TEST(Settings, TheTaintMustHoldThoseOfTheModules) {
  HookWorld world;
  const auto module = world.modules.add("outside");
  world.kernel.put_pointer(module + world.modules.offset().taints, 1u << 12);
  world.kernel.put_pointer(world.tainted_mask, 1u << 13);
  const auto mask = find(world.kernel, "tainted_mask");
  EXPECT_EQ(mask->required, 1u << 12);
  EXPECT_EQ(mask->number, 1 << 13);
}

TEST(Settings, AVariableOfTheBootIsLeftOut) {
  HookWorld world;
  world.kernel.define("suid_dumpable", Gva{0x1700100});
  EXPECT_FALSE(find(world.kernel, "suid_dumpable"));
}

TEST(Settings, AreUnknownWhileTheKernelBoots) {
  HookWorld world;
  world.kernel.put(world.kernel.symbol("system_state").value(), std::uint32_t{0});
  const auto all = settings(world.kernel, kAll);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Errc::unavailable);
}

TEST(Settings, AKernelWithoutNamesForItsVariablesSaysOnceWhatItDoesNotTell) {
  ringside::testing::FakeKernel kernel(32);
  kernel.set_recovered_types(nullptr);
  const auto all = settings(kernel, kAll).value();
  EXPECT_TRUE(all.entries.empty());
  ASSERT_EQ(all.problems.size(), 1u);
  EXPECT_NE(all.problems[0].message.find("settings modprobe_path, core_pattern"), std::string::npos);
}

}  // namespace
}  // namespace ringside::guest::linux
