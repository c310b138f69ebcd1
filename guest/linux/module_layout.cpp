// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_layout.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

using Kind = ModuleRegionKind;
using Presence = ObjectReader::Presence;

/// More than the address range that x86 gives to all modules together (1.5 GiB; asm/pgtable_64_types.h).
constexpr std::uint64_t kMaxRegion = std::uint64_t{2} << 30;

struct KindName {
  Kind kind;
  const char* name;
};
constexpr std::array kKinds = {KindName{Kind::text, "MOD_TEXT"},
                               KindName{Kind::data, "MOD_DATA"},
                               KindName{Kind::rodata, "MOD_RODATA"},
                               KindName{Kind::ro_after_init, "MOD_RO_AFTER_INIT"},
                               KindName{Kind::init_text, "MOD_INIT_TEXT"},
                               KindName{Kind::init_data, "MOD_INIT_DATA"},
                               KindName{Kind::init_rodata, "MOD_INIT_RODATA"}};

std::size_t place(Kind kind) {
  return static_cast<std::size_t>(kind);
}

/// Adds [base, base + size) if there is anything of it.
void add(Module& module, Kind kind, std::uint64_t base, std::uint64_t size,
         const std::function<void(Error)>& problem) {
  if (size == 0) return;
  if (size > kMaxRegion || base + size < base)
    return problem({Errc::out_of_bounds, std::string(to_string(kind)) + " of " + std::to_string(size) +
                                             " bytes at " + hex_address(base)});
  module.regions.push_back({kind, Gva{base}, size});
}

}  // namespace

ModuleLayout::Area ModuleLayout::area(ObjectReader& reader, const std::string& name) {
  Area area;
  area.all = {reader.add(name + ".base"), reader.add(name + ".size")};
  area.text_end = reader.add(name + ".text_size");
  area.rodata_end = reader.add(name + ".ro_size");
  area.ro_after_init_end = reader.add(name + ".ro_after_init_size", Presence::optional);
  return area;
}

ModuleLayout::ModuleLayout(Kernel& kernel, ObjectReader& reader) {
  const auto types = kernel.types();
  by_kind_ = types && (*types)->has("module", "mem");
  if (!by_kind_) {
    core_ = area(reader, "core_layout");
    init_ = area(reader, "init_layout");
    return;
  }
  for (const auto& one : kKinds) {
    const auto number = (*types)->enumerator("mod_mem_type", one.name);
    const std::string at = "mem[" + std::to_string(number.value_or(std::int64_t(place(one.kind)))) + "].";
    kinds_[place(one.kind)] = {reader.add(at + "base"), reader.add(at + "size")};
  }
}

void ModuleLayout::take(const ObjectReader& reader, Module& module,
                        const std::function<void(Error)>& problem) const {
  if (by_kind_) return take_kinds(reader, module, problem);
  take_area(reader, core_, false, module, problem);
  take_area(reader, init_, true, module, problem);
  if (const auto base = reader.pointer(core_.all.base)) module.base = *base;
  const auto core = reader.u32(core_.all.size), init = reader.u32(init_.all.size);
  if (core && init) module.size = std::uint64_t{*core} + *init;
}

void ModuleLayout::take_kinds(const ObjectReader& reader, Module& module,
                              const std::function<void(Error)>& problem) const {
  std::uint64_t total = 0;
  bool whole = true;
  for (const auto& one : kKinds) {
    const Memory& memory = kinds_[place(one.kind)];
    const auto base = reader.pointer(memory.base);
    const auto size = reader.u32(memory.size);
    whole = whole && base && size;
    if (!base || !size) continue;
    total += *size;
    add(module, one.kind, base->value, *size, problem);
  }
  if (const auto base = reader.pointer(kinds_[place(Kind::text)].base)) module.base = *base;
  if (whole) module.size = total;
}

void ModuleLayout::take_area(const ObjectReader& reader, const Area& area, bool init, Module& module,
                             const std::function<void(Error)>& problem) const {
  const auto base = reader.pointer(area.all.base);
  const auto size = reader.u32(area.all.size);
  if (!base || !size || *size == 0) return;
  const auto text_end = reader.u32(area.text_end), rodata_end = reader.u32(area.rodata_end);
  if (!text_end || !rodata_end) {
    // Where text ends is not known: it may be anywhere in it.
    return add(module, init ? Kind::init_text : Kind::text, base->value, *size, problem);
  }
  const std::uint64_t text = std::min(*text_end, *size),
                      rodata = std::clamp<std::uint64_t>(*rodata_end, text, *size);
  const std::uint64_t sealed =
      std::clamp<std::uint64_t>(reader.u32(area.ro_after_init_end).value_or(0), rodata, *size);
  add(module, init ? Kind::init_text : Kind::text, base->value, text, problem);
  add(module, init ? Kind::init_rodata : Kind::rodata, base->value + text, rodata - text, problem);
  add(module, init ? Kind::init_rodata : Kind::ro_after_init, base->value + rodata, sealed - rodata, problem);
  add(module, init ? Kind::init_data : Kind::data, base->value + sealed, *size - sealed, problem);
}

}  // namespace ringside::guest::linux
