// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/symboliser.h"

#include "tests/unit/support/fake_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::Contains;
using testing::FakeModules;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = ModuleRegionKind;
using Region = AddressRegion;

constexpr std::uint64_t kModule = 0xffffffffc0100000;

class SymboliserOfAKernel : public ::testing::Test {
 protected:
  SymboliserOfAKernel() {
    auto& kernel = world.kernel;
    kernel.define("_stext", Gva{0x1000000}, 'T');
    kernel.define("do_something", Gva{0x1000100}, 'T');
    kernel.define("an_alias", Gva{0x1000100}, 't');
    kernel.define("_etext", Gva{0x1400000}, 'T');
    kernel.define("__start_rodata", Gva{0x1400000}, 'R');
    kernel.define("__end_rodata", Gva{0x1500000}, 'R');
    kernel.define("init_task", Gva{0x1500100}, 'D');
    kernel.define("__init_begin", Gva{0x1700000}, 'D');
    kernel.define("__init_end", Gva{0x1780000}, 'D');
  }
  Gva add_module(const std::string& name, std::uint64_t base, std::uint32_t state = 0) {
    const Gva module = world.add(name, state);
    world.set_region(module, {Kind::text, base, 0x3000});
    world.set_region(module, {Kind::rodata, base + 0x3000, 0x1000});
    world.set_region(module, {Kind::data, base + 0x4000, 0x1000});
    world.set_region(module, {Kind::init_text, base + 0x8000, 0x1000});
    return module;
  }
  FakeModules world;
  Symboliser make() { return Symboliser(world.kernel); }
};

TEST_F(SymboliserOfAKernel, NamesAddressesInTheImageByTheFirstSymbolBelow) {
  auto names = make();
  EXPECT_EQ(names.symbol(Gva{0x1000100}), "do_something");
  EXPECT_EQ(names.symbol(Gva{0x100011f}), "do_something+0x1f");
  EXPECT_EQ(names.symbol(Gva{0x1500108}), "init_task+0x8");
  EXPECT_EQ(names.symbol(Gva{0xfffff0}), std::nullopt);
  EXPECT_EQ(names.module(Gva{0x1000100}), "");
  EXPECT_THAT(names.problems(), IsEmpty());
}

TEST_F(SymboliserOfAKernel, TellsThePartsOfTheImageApart) {
  auto names = make();
  EXPECT_EQ(names.region(Gva{0x1000000}), Region::kernel_text);
  EXPECT_EQ(names.region(Gva{0x1400000}), Region::kernel_rodata);
  EXPECT_EQ(names.region(Gva{0x1500000}), Region::kernel_data);
  EXPECT_EQ(names.region(Gva{0x1700000}), Region::kernel_init);
}

TEST_F(SymboliserOfAKernel, TellsTheAreasOfTheAddressSpaceApart) {
  auto names = make();
  EXPECT_EQ(names.region(Gva{0x400000000000}), Region::user);
  EXPECT_EQ(names.region(Gva{0x800000000000}), Region::none);
  EXPECT_EQ(names.region(Gva{0xffff888000001000}), Region::direct_map);
  EXPECT_EQ(names.region(Gva{0xffffc90000001000}), Region::vmalloc);
  EXPECT_EQ(names.region(Gva{0xffffea0000001000}), Region::vmemmap);
  EXPECT_EQ(names.region(Gva{0xfffffe0000001000}), Region::cpu_entry_area);
  EXPECT_EQ(names.region(Gva{0xffffffffc0000000}), Region::module_area);
  EXPECT_EQ(names.region(Gva{0xffffffffff5fd000}), Region::fixmap);
  EXPECT_EQ(names.region(Gva{0xffffffffff600000}), Region::vsyscall);
  EXPECT_EQ(names.region(Gva{0xffffffffffffffff}), Region::none);
  EXPECT_THAT(names.problems(), IsEmpty());
}

TEST_F(SymboliserOfAKernel, ReadsFromTheGuestWhatKaslrMoved) {
  auto& kernel = world.kernel;
  const auto set = [&](const char* name, std::uint64_t value) {
    kernel.put(kernel.define_variable(name, 8), value);
  };
  set("page_offset_base", 0xffff9c8000000000);
  set("vmalloc_base", 0xffffa50000000000);
  set("vmemmap_base", 0xfffff20000000000);
  auto names = make();
  EXPECT_EQ(names.region(Gva{0xffff9c8000000000}), Region::direct_map);
  EXPECT_EQ(names.region(Gva{0xffffa4ffffffffff}), Region::direct_map);
  EXPECT_EQ(names.region(Gva{0xffffa50000000000}), Region::vmalloc);
  EXPECT_EQ(names.region(Gva{0xfffff20000000000}), Region::vmemmap);
  EXPECT_EQ(names.region(Gva{0xffff888000001000}), Region::none);
}

TEST_F(SymboliserOfAKernel, BasesThatContradictEachOtherAreAProblem) {
  auto& kernel = world.kernel;
  kernel.put(kernel.define_variable("vmalloc_base", 8), std::uint64_t{5});
  auto names = make();
  EXPECT_EQ(names.region(Gva{0xffff888000001000}), Region::none);
  EXPECT_THAT(names.problems(), Contains(Field(&Error::code, Errc::mismatch)));
  EXPECT_EQ(names.region(Gva{0xfffffe0000001000}), Region::cpu_entry_area);
}

TEST_F(SymboliserOfAKernel, NamesAddressesInModules) {
  const Gva module = add_module("bridge", kModule);
  world.set_symbols(module, {{"", 0, '?', 0},
                             {"br_init", kModule},
                             {"br_handle", kModule + 0x100},
                             {"br_data", kModule + 0x4000, 'd'}});
  auto names = make();
  EXPECT_EQ(names.symbol(Gva{kModule + 0x11f}), "br_handle+0x1f [bridge]");
  EXPECT_EQ(names.symbol(Gva{kModule + 0x4000}), "br_data [bridge]");
  EXPECT_EQ(names.module(Gva{kModule + 0x2fff}), "bridge");
  EXPECT_EQ(names.region(Gva{kModule}), Region::module_text);
  EXPECT_EQ(names.region(Gva{kModule + 0x3000}), Region::module_rodata);
  EXPECT_EQ(names.region(Gva{kModule + 0x4000}), Region::module_data);
  EXPECT_EQ(names.region(Gva{kModule + 0x8000}), Region::module_init);
  EXPECT_EQ(names.region(Gva{kModule + 0x5000}), Region::module_area);
  EXPECT_EQ(names.module(Gva{kModule + 0x5000}), "");
  EXPECT_THAT(names.problems(), IsEmpty());
}

TEST_F(SymboliserOfAKernel, ReadsNothingOfModulesForAnAddressInTheImage) {
  add_module("bridge", kModule);
  ReadSet reads;
  world.kernel.snapshot().record_into(&reads);
  auto names = make();
  EXPECT_TRUE(names.symbol(Gva{0x1000100}).has_value());
  EXPECT_EQ(names.region(Gva{0x1000100}), Region::kernel_text);
  EXPECT_EQ(names.in_text(Gva{0x1000100}), true);
  EXPECT_EQ(reads.bytes(), 0u);
}

TEST_F(SymboliserOfAKernel, TextIsThatOfKernelAndLiveModulesOnly) {
  add_module("live", kModule);
  add_module("coming", kModule + 0x100000, 1);
  add_module("going", kModule + 0x200000, 2);
  auto names = make();
  EXPECT_EQ(names.in_text(Gva{0x1000100}), true);
  EXPECT_EQ(names.in_text(Gva{0x1500000}), false);
  EXPECT_EQ(names.in_text(Gva{0x1700000}), false) << "init text is freed";
  EXPECT_EQ(names.in_text(Gva{kModule}), true);
  EXPECT_EQ(names.in_text(Gva{kModule + 0x3000}), false);
  EXPECT_EQ(names.in_text(Gva{kModule + 0x8000}), false);
  EXPECT_EQ(names.in_text(Gva{kModule + 0x100000}), false);
  EXPECT_EQ(names.in_text(Gva{kModule + 0x200000}), false);
  EXPECT_EQ(names.in_text(Gva{0x400000}), false);
}

TEST_F(SymboliserOfAKernel, WhatMayBeInAModuleThatCouldNotBeReadIsNotKnown) {
  const Gva module = add_module("one", kModule);
  world.kernel.put_pointer(module + world.offset().list, 0xdead0000);
  auto names = make();
  EXPECT_EQ(names.in_text(Gva{kModule}), true);
  EXPECT_EQ(names.in_text(Gva{kModule + 0x500000}), std::nullopt);
  EXPECT_EQ(names.in_text(Gva{0x400000}), false) << "no module can be there";
  EXPECT_FALSE(names.problems().empty());
}

TEST_F(SymboliserOfAKernel, FindsAddressesByName) {
  const Gva first = add_module("first", kModule), second = add_module("second", kModule + 0x100000);
  world.set_symbols(first,
                    {{"", 0, '?', 0}, {"shared", kModule}, {"printk", 0, 'U', 0}, {"own", kModule + 16}});
  world.set_symbols(second, {{"", 0, '?', 0}, {"shared", kModule + 0x100000}});
  auto names = make();
  EXPECT_EQ(names.address("init_task"), Gva{0x1500100});
  EXPECT_EQ(names.address("own"), Gva{kModule + 16});
  EXPECT_EQ(names.address("shared [first]"), Gva{kModule});
  EXPECT_EQ(names.address("second:shared"), Gva{kModule + 0x100000});
  EXPECT_EQ(names.address("first:init_task"), std::nullopt);
  EXPECT_EQ(names.address("printk"), std::nullopt) << "a module only uses it";
  EXPECT_EQ(names.address("nothing"), std::nullopt);
  EXPECT_EQ(names.address(""), std::nullopt);
  EXPECT_EQ(names.address(" ["), std::nullopt);
}

TEST_F(SymboliserOfAKernel, NamesCodeThatWasMadeAtRunTime) {
  auto& kernel = world.kernel;
  auto& btf = kernel.btf_writer();
  const auto ptr = btf.pointer(0), word = btf.integer("word", 8), u8 = btf.integer("byte", 1);
  testing::StructWriter list(btf, "list_pair");
  list.add("next", ptr, 8, 8);
  list.add("prev", ptr, 8, 8);
  const auto pair = list.finish();
  testing::StructWriter ksym(btf, "bpf_ksym");
  ksym.add("start", word, 8, 8);
  ksym.add("end", word, 8, 8);
  ksym.add("name", btf.array(u8, 512), 512, 1);
  ksym.add("lnode", pair, 16, 8);
  ksym.finish();
  const Gva head = kernel.define_variable("bpf_kallsyms", 16), one = kernel.allocate(1024);
  kernel.put(one, std::uint64_t{kModule + 0x40});
  kernel.put(one + 8, std::uint64_t{kModule + 0x80});
  kernel.put_string(one + 16, "bpf_prog_1_test");
  kernel.put_list(head, std::vector<Gva>{one + 528});
  auto names = make();
  EXPECT_EQ(names.symbol(Gva{kModule + 0x44}), "bpf_prog_1_test+0x4 [bpf]");
  EXPECT_EQ(names.region(Gva{kModule + 0x44}), Region::bpf);
  EXPECT_EQ(names.in_text(Gva{kModule + 0x44}), true);
  EXPECT_EQ(names.in_text(Gva{kModule + 0x80}), false);
  EXPECT_EQ(names.address("bpf_prog_1_test [bpf]"), Gva{kModule + 0x40});
  EXPECT_THAT(names.problems(), IsEmpty());
}

TEST(SymboliserWithoutDataSymbols, NamesFunctionsOnly) {
  testing::FakeKernel kernel(32);
  auto& identity = kernel.mutable_identity();
  identity.image = {Gva{0x1000000}, Gva{0x1800000}};
  identity.text = {Gva{0x1000000}, Gva{0x1400000}};
  identity.init_text = {Gva{0x1700000}, Gva{0x1710000}};
  kernel.define("do_something", Gva{0x1000100}, 'T');
  kernel.define("_etext", Gva{0x1400000}, 'T');
  Symboliser names(kernel);
  EXPECT_EQ(names.symbol(Gva{0x1000104}), "do_something+0x4");
  EXPECT_EQ(names.symbol(Gva{0x1500000}), std::nullopt);
}

TEST(AddressRegionNames, AreAllDifferent) {
  std::set<std::string_view> seen;
  for (auto region = Region::none; region <= Region::vsyscall;
       region = static_cast<Region>(static_cast<int>(region) + 1))
    EXPECT_TRUE(seen.insert(to_string(region)).second) << to_string(region);
  EXPECT_EQ(to_string(Region::vsyscall), "vsyscall");
}

}  // namespace
}  // namespace ringside::guest::linux
