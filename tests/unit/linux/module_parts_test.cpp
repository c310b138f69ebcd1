// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_parameters.h"
#include "guest/linux/module_sections.h"
#include "guest/linux/module_symbols.h"
#include "tests/unit/support/fake_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using testing::FakeModules;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Layout = FakeModules::Layout;

struct World {
  Layout layout;
  unsigned bits;
};
class PartsOfModules : public ::testing::TestWithParam<World> {
 protected:
  FakeModules world{GetParam().layout, GetParam().bits};
  testing::FakeKernel& kernel = world.kernel;
  std::uint64_t pointer = kernel.pointer_size();
  std::vector<Error> problems;
  std::function<void(Error)> problem = [this](Error error) { problems.push_back(std::move(error)); };
  Module only() { return modules(kernel, ModuleParts::layout).entries.at(0); }

  /// Gives `module` sections; the name of each is where a test put it.
  void set_sections(Gva module, const std::vector<std::pair<Gva, std::uint64_t>>& sections) {
    const bool wrapped = GetParam().layout == Layout::core_and_init;
    const Gva attributes = kernel.allocate(2 * pointer),
              list = kernel.allocate((sections.size() + 1) * pointer);
    kernel.put_pointer(attributes + pointer, list.value);
    for (std::size_t i = 0; i < sections.size(); ++i) {
      const Gva entry = kernel.allocate(4 * pointer);
      kernel.put_pointer(entry, sections[i].first.value);
      kernel.put_pointer(entry + (wrapped ? 3 : 2) * pointer, sections[i].second);
      kernel.put_pointer(list + i * pointer, entry.value);
    }
    world.set_pointer(module, world.offset().sect_attrs, attributes);
  }

  struct Parameter {
    std::string name, operations;
    std::uint16_t permissions;
    Gva argument;
  };
  Gva put_parameters(const std::vector<Parameter>& parameters) {
    const Gva list = kernel.allocate(parameters.size() * world.parameter_size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Gva at = list + i * world.parameter_size();
      kernel.put_pointer(at, world.text(parameters[i].name).value);
      kernel.put_pointer(at + 2 * pointer, kernel.symbol(parameters[i].operations).value_or(Gva{0x77}).value);
      kernel.put(at + 3 * pointer, parameters[i].permissions);
      kernel.put_pointer(at + 4 * pointer, parameters[i].argument.value);
    }
    return list;
  }
  void set_parameters(Gva module, const std::vector<Parameter>& parameters) {
    world.set_pointer(module, world.offset().kp, put_parameters(parameters));
    kernel.put(module + world.offset().num_kp, static_cast<std::uint32_t>(parameters.size()));
  }
  template <class T>
  Gva value(const T& value) {
    const Gva at = kernel.allocate(16);
    kernel.put(at, value);
    return at;
  }
  Gva pointer_to(Gva to) {
    const Gva at = kernel.allocate(16);
    kernel.put_pointer(at, to.value);
    return at;
  }
};

TEST_P(PartsOfModules, SectionsAreNamedInOrderOfTheFile) {
  const Gva module = world.add("one");
  set_sections(module, {{world.text(".text"), 0x1000}, {world.text(".rodata"), 0x2000}});
  ModuleSectionReader reader(kernel);
  ASSERT_EQ(reader.unusable(), std::nullopt);
  const auto sections = reader.read(only(), problem);
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].name, ".text");
  EXPECT_EQ(sections[0].address, Gva{0x1000});
  EXPECT_EQ(sections[1].name, ".rodata");
  EXPECT_THAT(problems, IsEmpty());
}

TEST_P(PartsOfModules, AModuleThatIsNotInSysfsYetHasNoSections) {
  world.add("one");
  EXPECT_THAT(ModuleSectionReader(kernel).read(only(), problem), IsEmpty());
  EXPECT_THAT(problems, IsEmpty());
}

TEST_P(PartsOfModules, ASectionWhoseNameCannotBeReadIsThereWithoutIt) {
  const Gva module = world.add("one");
  set_sections(module, {{Gva{0xf0000000}, 0x1000}, {world.text(".rodata"), 0x2000}});
  const auto sections = ModuleSectionReader(kernel).read(only(), problem);
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].name, "");
  EXPECT_EQ(sections[1].name, ".rodata");
  EXPECT_THAT(problems, ElementsAre(Field(&Error::message, HasSubstr("the sections of module one"))));
}

TEST_P(PartsOfModules, BuildIdIsThatOfTheGnuNote) {
  const Gva module = world.add("one"), note = kernel.allocate(64);
  kernel.put(note, std::array<std::uint32_t, 4>{4, 20, 3, 0x554e47});  // name size, id size, type, "GNU"
  for (std::uint64_t i = 0; i < 20; ++i) kernel.put(note + 16 + i, static_cast<std::uint8_t>(i));
  set_sections(module, {{world.text(".note.gnu.build-id"), note.value}});
  const auto found = modules(kernel, ModuleParts::build_id);
  ASSERT_EQ(found.entries.size(), 1u);
  EXPECT_EQ(found.entries[0].build_id, "000102030405060708090a0b0c0d0e0f10111213");
}

TEST_P(PartsOfModules, ParametersOfStandardKindsAreWrittenAsTheKernelWritesThem) {
  const Gva module = world.add("one");
  const Gva count = value(std::uint32_t{2}), elements = kernel.allocate(16), array = kernel.allocate(40);
  kernel.put(elements, std::int32_t{-1});
  kernel.put(elements + 4, std::int32_t{5});
  kernel.put(array, std::uint32_t{4});
  kernel.put(array + 4, std::uint32_t{4});
  kernel.put_pointer(array + 8, count.value);
  kernel.put_pointer(array + 8 + pointer, kernel.symbol("param_ops_int")->value);
  kernel.put_pointer(array + 8 + 2 * pointer, elements.value);
  const Gva string = kernel.allocate(16);
  kernel.put_pointer(string + pointer, world.text("inside").value);
  set_parameters(module, {{"int", "param_ops_int", 0644, value(std::int32_t{-7})},
                          {"byte", "param_ops_byte", 0444, value(std::uint8_t{200})},
                          {"long", "param_ops_long", 0444, value(std::int64_t{-2})},
                          {"hex", "param_ops_hexint", 0444, value(std::uint32_t{0})},
                          {"yes", "param_ops_bool", 0444, value(std::uint8_t{1})},
                          {"inverse", "param_ops_invbool", 0444, value(std::uint8_t{1})},
                          {"text", "param_ops_charp", 0444, pointer_to(world.text("some text"))},
                          {"null", "param_ops_charp", 0444, pointer_to(Gva{0})},
                          {"low", "param_ops_charp", 0444, pointer_to(Gva{8})},
                          {"string", "param_ops_string", 0444, string},
                          {"array", "param_array_ops", 0, array},
                          {"own", "no such operations", 0600, Gva{0}}});
  ParameterReader reader(kernel);
  ASSERT_EQ(reader.unusable(), std::nullopt);
  Module described = only();
  described.regions = {{ModuleRegionKind::data, Gva{0x200000}, 0x100000}};
  std::map<std::string, std::pair<std::string, std::string>> found;
  for (const auto& one : reader.read(described, problem)) {
    EXPECT_EQ(one.module, "one");
    found[one.name] = {one.type.value_or("-"), one.value.value_or("-")};
  }
  EXPECT_THAT(problems, IsEmpty());
  const std::map<std::string, std::pair<std::string, std::string>> wanted = {
      {"int", {"int", "-7"}},           {"byte", {"byte", "200"}},     {"long", {"long", "-2"}},
      {"hex", {"hexint", "0x000000"}},  {"yes", {"bool", "Y"}},        {"inverse", {"invbool", "N"}},
      {"text", {"charp", "some text"}}, {"null", {"charp", "(null)"}}, {"low", {"charp", "(efault)"}},
      {"string", {"string", "inside"}}, {"array", {"int[]", "-1,5"}},  {"own", {"-", "-"}}};
  EXPECT_EQ(found, wanted);
}

TEST_P(PartsOfModules, AParameterWithoutAFileThatStoodInTheInitPartHasNoValue) {
  const Gva module = world.add("one");
  set_parameters(module, {{"gone", "param_ops_int", 0, value(std::int32_t{9})}});
  const auto found = ParameterReader(kernel).read(only(), problem);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].value, std::nullopt);
  EXPECT_EQ(found[0].type, "int");
  EXPECT_THAT(problems, IsEmpty());
}

TEST_P(PartsOfModules, BuiltInParametersNameTheirModule) {
  const Gva first = put_parameters({{"loop.max_loop", "param_ops_int", 0444, value(std::int32_t{8})},
                                    {"panic", "param_ops_int", 0644, value(std::int32_t{-1})}});
  kernel.define("__start___param", first);
  kernel.define("__stop___param", first + std::uint64_t{2} * world.parameter_size());
  const auto found = ParameterReader(kernel).built_in(problem);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].module, "loop");
  EXPECT_EQ(found[0].name, "max_loop");
  EXPECT_EQ(found[0].value, "8");
  EXPECT_EQ(found[1].module, "kernel");
  EXPECT_EQ(found[1].name, "panic");
  EXPECT_EQ(found[1].value, "-1");
}

TEST_P(PartsOfModules, AHostileNumberOfParametersIsBounded) {
  const Gva module = world.add("one");
  set_parameters(module, {{"one", "param_ops_int", 0444, value(std::int32_t{1})}});
  kernel.put(module + world.offset().num_kp, std::uint32_t{0xffffffff});
  const auto found = ParameterReader(kernel).read(only(), problem);
  EXPECT_LE(found.size(), ParameterReader::kMaxParameters);
  EXPECT_THAT(problems, ::testing::Contains(Field(&Error::code, Errc::out_of_bounds)));
}

TEST_P(PartsOfModules, SymbolsAreListedAsKallsymsListsThem) {
  const Gva module = world.add("one");
  world.set_symbols(module, {{"", 0, '?', 0},
                             {"helper", 0x3010, 't'},
                             {"shared", 0x3000, 't'},
                             {"printk", 0, 'U', 0},
                             {"table", 0x5000, 'd'}});
  world.set_exports(module, {{"shared", 0x3000}, {"other", 0x3010}});
  ModuleSymbolReader reader(kernel);
  ASSERT_EQ(reader.unusable(), std::nullopt);
  const auto symbols = reader.read(only(), true, problem);
  EXPECT_THAT(problems, IsEmpty());
  ASSERT_EQ(symbols.size(), 4u);
  EXPECT_EQ(symbols.name(0), "helper");
  EXPECT_EQ(symbols.type(0), 't');
  EXPECT_EQ(symbols.name(1), "shared");
  EXPECT_EQ(symbols.type(1), 'T');
  EXPECT_FALSE(symbols.defined(2));
  EXPECT_EQ(symbols.type(2), 'u');
  EXPECT_EQ(symbols.address(3), Gva{0x5000});
  EXPECT_EQ(symbols.at_or_before(Gva{0x3018}), 0u);
  EXPECT_EQ(symbols.at_or_before(Gva{0x300f}), 1u);
  EXPECT_EQ(symbols.at_or_before(Gva{0x2fff}), std::nullopt);
}

TEST_P(PartsOfModules, OfSeveralSymbolsAtOneAddressTheFirstIsNearest) {
  const Gva module = world.add("one");
  world.set_symbols(module, {{"", 0, '?', 0}, {"$x", 0x3000}, {".L1", 0x3000}, {"a", 0x3000}, {"b", 0x3000}});
  const auto symbols = ModuleSymbolReader(kernel).read(only(), false, problem);
  const auto found = symbols.at_or_before(Gva{0x3004});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(symbols.name(*found), "a");
}

TEST_P(PartsOfModules, NamesThatStandBeyondWhatCanBeReadAreLeftOutAndSaid) {
  const Gva module = world.add("one");
  world.set_symbols(module, {{"", 0, '?', 0}, {"good", 0x1000}, {"bad", 0x2000}});
  // Reading sees a page as it is when it is first read: where the table stands is asked in a world of its
  // own.
  FakeModules same(GetParam().layout, GetParam().bits);
  same.set_symbols(same.add("one"), {{"", 0, '?', 0}, {"good", 0x1000}, {"bad", 0x2000}});
  const auto header = same.kernel.read_pointer(module + world.offset().kallsyms);
  ASSERT_TRUE(header.has_value());
  const auto table = same.kernel.read_pointer(*header);
  ASSERT_TRUE(table.has_value());
  const std::uint64_t stride = pointer == 8 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
  kernel.put(*table + 2 * stride, std::uint32_t{0x7fffffff});
  const auto symbols = ModuleSymbolReader(kernel).read(only(), true, problem);
  ASSERT_EQ(symbols.size(), 1u);
  EXPECT_EQ(symbols.name(0), "good");
  EXPECT_THAT(problems, ElementsAre(Field(&Error::message, HasSubstr("the names of 1 symbols"))));
}

TEST_P(PartsOfModules, AHostileNumberOfSymbolsIsRefused) {
  const Gva module = world.add("one");
  world.set_symbols(module, {{"", 0, '?', 0}, {"good", 0x1000}});
  const Gva header = kernel.allocate(64);
  kernel.put(header + pointer, std::uint32_t{0xffffffff});
  world.set_pointer(module, world.offset().kallsyms, header);
  EXPECT_EQ(ModuleSymbolReader(kernel).read(only(), true, problem).size(), 0u);
  EXPECT_THAT(problems, ElementsAre(Field(&Error::code, Errc::out_of_bounds)));
}

INSTANTIATE_TEST_SUITE_P(Layouts, PartsOfModules,
                         ::testing::Values(World{Layout::by_kind, 64}, World{Layout::core_and_init, 64},
                                           World{Layout::core_and_init, 32}));

}  // namespace
}  // namespace ringside::guest::linux
