// SPDX-License-Identifier: Apache-2.0
// A kernel with modules, damaged: the input is a list of writes over the memory that holds its structures.
// Whatever they say, reading them ends, and stays within the bounds that the readers state.
#include "guest/linux/module_parameters.h"
#include "guest/linux/module_sections.h"
#include "guest/linux/module_symbols.h"
#include "guest/linux/symboliser.h"
#include "tests/unit/support/fake_modules.h"

#include <cstdlib>
#include <span>

namespace {

namespace linux = ringside::guest::linux;
using ringside::Error;
using ringside::guest::Gva;
using ringside::testing::FakeModules;
using Kind = linux::ModuleRegionKind;

constexpr std::uint64_t kFirst = 0x200000, kSpan = 0x8000, kModule = 0xffffffffc0100000;

/// One write: bytes 0 to 3 say where, 4 to 11 what.
constexpr std::size_t kWrite = 12;

void build(FakeModules& world, FakeModules::Layout layout) {
  auto& kernel = world.kernel;
  kernel.define("init_task", Gva{0x1500000}, 'D');
  for (std::uint64_t i = 0; i < 3; ++i) {
    const Gva module = world.add("module" + std::to_string(i));
    const std::uint64_t base = kModule + i * 0x10000;
    if (layout == FakeModules::Layout::by_kind) {
      world.set_region(module, {Kind::text, base, 0x1000});
      world.set_region(module, {Kind::data, base + 0x1000, 0x1000});
    } else {
      world.set_area(module, false, base, 0x2000, 0x1000, 0x1000, 0x1000);
    }
    world.set_symbols(module, {{"", 0, '?', 0}, {"one", base}, {"two", base + 16, 'd'}});
    world.set_exports(module, {{"one", base}});
    world.set_pointer(module, world.offset().version, world.text("1.0"));
    const Gva attributes = kernel.allocate(16), list = kernel.allocate(16), section = kernel.allocate(32);
    kernel.put_pointer(section, world.text(".text").value);
    kernel.put_pointer(list, section.value);
    kernel.put_pointer(attributes + kernel.pointer_size(), list.value);
    world.set_pointer(module, world.offset().sect_attrs, attributes);
    const Gva parameter = kernel.allocate(world.parameter_size());
    kernel.put_pointer(parameter, world.text("level").value);
    kernel.put_pointer(parameter + 2 * kernel.pointer_size(),
                       kernel.symbol("param_ops_int").value_or(Gva{0}).value);
    kernel.put(parameter + 3 * kernel.pointer_size(), std::uint16_t{0644});
    kernel.put_pointer(parameter + 4 * kernel.pointer_size(), kernel.allocate(8).value);
    world.set_pointer(module, world.offset().kp, parameter);
    kernel.put(module + world.offset().num_kp, std::uint32_t{1});
  }
}

void require(bool truth) {
  if (!truth) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto layout = (data[0] & 1) != 0 ? FakeModules::Layout::core_and_init : FakeModules::Layout::by_kind;
  FakeModules world(layout, (data[0] & 2) != 0 ? 32 : 64);
  build(world, layout);
  auto& kernel = world.kernel;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  for (std::size_t at = 0; at + kWrite <= bytes.size() && at < 64 * kWrite; at += kWrite)
    kernel.memory().write({kFirst + *ringside::load_le<std::uint32_t>(bytes, at) % kSpan},
                          bytes.subspan(at + 4, 8));

  const auto ignore = [](Error) {};
  const auto listing = linux::modules(kernel);
  require(listing.entries.size() <= linux::kMaxModules);
  linux::ModuleSectionReader sections(kernel);
  linux::ParameterReader parameters(kernel);
  linux::ModuleSymbolReader symbols(kernel);
  std::size_t names = 0;
  for (const linux::Module& module : listing.entries) {
    require(module.name.size() <= 56);
    sections.read(module, ignore);
    parameters.read(module, ignore);
    const auto found = symbols.read(module, true, ignore);
    names += found.size();
    for (std::size_t i = 0; i < found.size(); ++i)
      require(found.name(i).size() < linux::ModuleSymbolReader::kMaxName);
  }
  require(names <= linux::kMaxSymbols);
  linux::Symboliser symboliser(kernel);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const Gva gva{kModule + i * 0x10000 + 8};
    symboliser.symbol(gva);
    symboliser.module(gva);
    symboliser.region(gva);
    symboliser.in_text(gva);
  }
  symboliser.address("one");
  symboliser.address("module1:two");
  return 0;
}
