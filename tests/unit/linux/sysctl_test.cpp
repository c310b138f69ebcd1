// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl.h"

#include "tests/unit/support/sysctl_world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::SysctlWorld;

const Sysctl* named(const Listing<Sysctl>& all, std::string_view name) {
  for (const auto& value : all.entries)
    if (value.name == name) return &value;
  return nullptr;
}
std::string problems(const Listing<Sysctl>& all) {
  std::string text;
  for (const auto& problem : all.problems) text += problem.message + "\n";
  return text;
}

TEST(Sysctl, HasTheNamesOfSysctlAndTheValuesOfItsFiles) {
  SysctlWorld world;
  const Gva kernel_directory = world.add_directory(SysctlWorld::root(world.global), "kernel");
  const Gva random = world.add_directory(kernel_directory, "random");
  const Gva answer = world.integer(42);
  world.add(kernel_directory, {{"ostype", "proc_dostring", world.text("Linux"), 65},
                               {"answer", "proc_dointvec", answer, 4, 0100400},
                               {"odd", "own_handler", answer}});
  world.add(random, {{"poolsize", "proc_dointvec", world.integer(-1)}});
  const auto all = sysctls(world.kernel).value();
  EXPECT_EQ(problems(all), "");
  ASSERT_EQ(all.entries.size(), 4u);
  EXPECT_EQ(named(all, "kernel.ostype")->value, "Linux");
  EXPECT_EQ(named(all, "kernel.random.poolsize")->value, "-1");
  const Sysctl* value = named(all, "kernel.answer");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->value, "42");
  EXPECT_EQ(value->mode, 0400u);
  EXPECT_EQ(value->data, answer);
  EXPECT_EQ(value->handler_name, "proc_dointvec");
  EXPECT_EQ(value->netns, std::nullopt);
  EXPECT_EQ(named(all, "kernel.odd")->value, std::nullopt) << "its handler computes";
  EXPECT_EQ(named(all, "kernel.odd")->handler, world.handler("own_handler"));
}

TEST(Sysctl, ADotInAPartIsWrittenAsASlash) {
  SysctlWorld world;
  const Gva conf = world.add_directory(SysctlWorld::root(world.global), "conf");
  world.add(world.add_directory(conf, "eth0.7"), {{"mtu", "proc_dointvec", world.integer(1500)}});
  EXPECT_NE(named(sysctls(world.kernel).value(), "conf.eth0/7.mtu"), nullptr);
}

TEST(Sysctl, ReadsTheSetsOfNamespacesAndFollowsNoLinks) {
  SysctlWorld world;
  const Gva root = SysctlWorld::root(world.global);
  world.add(root, {{"net", "", Gva{0}, 0, 0120777}});
  world.add(SysctlWorld::root(world.user_set), {{"max_files", "proc_dointvec", world.integer(7)}});
  for (const std::uint32_t number : {4026531840u, 4026532200u}) {
    const Gva net = world.add_directory(SysctlWorld::root(world.add_namespace(number)), "net");
    world.add(net, {{"somaxconn", "proc_dointvec", world.integer(static_cast<std::int32_t>(number & 0xff))}});
  }
  const auto all = sysctls(world.kernel).value();
  EXPECT_EQ(problems(all), "");
  ASSERT_EQ(all.entries.size(), 3u);
  EXPECT_EQ(all.entries[0].name, "max_files");
  EXPECT_EQ(all.entries[1].name, "net.somaxconn");
  EXPECT_EQ(all.entries[1].netns, 4026531840u);
  EXPECT_EQ(all.entries[2].netns, 4026532200u);
  EXPECT_EQ(all.entries[2].value, std::to_string(4026532200u & 0xff));
}

TEST(Sysctl, OneNameReadsItsOwnDirectoriesOnly) {
  SysctlWorld world;
  const Gva root = SysctlWorld::root(world.global);
  world.add(world.add_directory(root, "kernel"),
            {{"one", "proc_dointvec", world.integer(1)}, {"two", "proc_dointvec", world.integer(2)}});
  const Gva broken = world.add_directory(root, "kern");
  world.kernel.put_pointer(broken + SysctlWorld::Directory::tree, ~std::uint64_t{0xff});
  const auto one = sysctls(world.kernel, "kernel.two").value();
  EXPECT_EQ(problems(one), "");
  ASSERT_EQ(one.entries.size(), 1u);
  EXPECT_EQ(one.entries[0].value, "2");
}

TEST(Sysctl, TablesThatAreBeingTakenAwayAreLeftOut) {
  SysctlWorld world;
  const Gva header =
      world.add(SysctlWorld::root(world.global), {{"gone", "proc_dointvec", world.integer(1)}});
  world.kernel.put_pointer(header + SysctlWorld::Header::leaving, 1);
  const auto all = sysctls(world.kernel).value();
  EXPECT_TRUE(all.entries.empty());
  EXPECT_EQ(problems(all), "");
}

TEST(Sysctl, ValuesInTicksAreConverted) {
  SysctlWorld world;
  world.add(SysctlWorld::root(world.global), {{"timeout", "proc_dointvec_jiffies", world.integer(7500)}});
  EXPECT_EQ(named(sysctls(world.kernel).value(), "timeout")->value, "30");
}

TEST(Sysctl, AValueWithoutAPlaceIsEmptyAndABitmapIsBehindAPointer) {
  SysctlWorld world;
  const Gva bitmap = world.kernel.allocate(8), pointer = world.kernel.allocate(8);
  world.kernel.put(bitmap, std::uint64_t{0b1011'0001});
  world.kernel.put_pointer(pointer, bitmap.value);
  world.add(SysctlWorld::root(world.global), {{"nothing", "proc_dointvec"},
                                              {"uuid", "proc_do_uuid"},
                                              {"reserved", "proc_do_large_bitmap", pointer, 64}});
  const auto all = sysctls(world.kernel).value();
  EXPECT_EQ(problems(all), "");
  EXPECT_EQ(named(all, "nothing")->value, "");
  EXPECT_EQ(named(all, "uuid")->value, std::nullopt);
  EXPECT_EQ(named(all, "reserved")->value, "0,4-5,7");
}

TEST(Sysctl, AFewValuesAreFoundWhereTheirHandlersFindThem) {
  SysctlWorld world;
  const Gva range = world.kernel.allocate(8), set = world.kernel.allocate(8);
  world.kernel.put(range, std::uint64_t{60999} << 32 | 32768);
  world.kernel.put(set, std::uint64_t{0x1ff} << 32 | 0xffffffff);
  world.kernel.put(world.kernel.define_variable("tainted_mask", 8), std::uint64_t{4097});
  world.kernel.put(world.kernel.define_variable("usermodehelper_bset", 8), std::uint64_t{3} << 32 | 1);
  world.add(SysctlWorld::root(world.global), {{"tainted", "proc_taint"},
                                              {"ports", "ipv4_local_port_range", range, 8},
                                              {"helpers", "proc_cap_handler", set, 16},
                                              {"helpers_by_number", "proc_cap_handler", Gva{1}, 16},
                                              {"helpers_unknown", "proc_cap_handler", Gva{2}, 16}});
  const auto all = sysctls(world.kernel).value();
  EXPECT_EQ(problems(all), "");
  EXPECT_EQ(named(all, "tainted")->value, "4097");
  EXPECT_EQ(named(all, "ports")->value, "32768\t60999");
  EXPECT_EQ(named(all, "helpers")->value, "4294967295\t511");
  EXPECT_EQ(named(all, "helpers_by_number")->value, "1\t3");
  EXPECT_EQ(named(all, "helpers_unknown")->value, std::nullopt);
}

TEST(Sysctl, ABrokenEntryIsNamedAndTheOthersAreRead) {
  SysctlWorld world;
  const Gva root = SysctlWorld::root(world.global);
  world.add(root, {{"before", "proc_dointvec", world.integer(1)}});
  const Gva header = world.add(root, {{"broken", "proc_dointvec", world.integer(2)}});
  world.add(root, {{"unreadable", "proc_dointvec", Gva{~std::uint64_t{0xfff}}},
                   {"huge", "proc_dointvec", world.integer(3), 1u << 30}});
  world.add(root, {{"after", "proc_dointvec", world.integer(4)}});
  world.kernel.put_pointer(header + SysctlWorld::Header::nodes, 0x1000);
  const auto all = sysctls(world.kernel).value();
  EXPECT_EQ(named(all, "before")->value, "1");
  EXPECT_EQ(named(all, "after")->value, "4");
  EXPECT_EQ(named(all, "broken"), nullptr);
  EXPECT_EQ(named(all, "unreadable")->value, std::nullopt);
  EXPECT_EQ(named(all, "huge")->value, std::nullopt);
  EXPECT_NE(problems(all).find("is none of its table's"), std::string::npos);
  EXPECT_NE(problems(all).find("sysctl unreadable"), std::string::npos);
  EXPECT_NE(problems(all).find("claims 1073741824 bytes"), std::string::npos);
}

TEST(Sysctl, ADirectoryInItselfEnds) {
  SysctlWorld world;
  const Gva directory = world.add_directory(SysctlWorld::root(world.global), "loop");
  // Its own header is also the only thing in it.
  const Gva header = directory + SysctlWorld::Directory::header;
  world.add(directory, {{"loop", "", Gva{0}, 0, 0040555}});
  const Gva node = world.last_node();
  world.kernel.put_pointer(node, header.value);
  world.kernel.put_pointer(header + SysctlWorld::Header::nodes, node.value);
  const auto all = sysctls(world.kernel).value();
  EXPECT_TRUE(all.entries.empty());
  EXPECT_FALSE(all.problems.empty());
}

TEST(Sysctl, AKernelThatTellsNothingIsUnavailable) {
  testing::FakeKernel kernel;
  EXPECT_EQ(sysctls(kernel).error().code, Errc::not_found);
  testing::FakeKernel narrow(32);
  narrow.set_recovered_types(nullptr);
  EXPECT_EQ(sysctls(narrow).error().code, Errc::unavailable);
}

}  // namespace
}  // namespace ringside::guest::linux
