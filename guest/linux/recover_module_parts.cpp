// SPDX-License-Identifier: Apache-2.0
// What struct module points to: sections, arguments, parameters and exported symbols, in releases up to 6.1.
#include "guest/linux/recovery.h"

#include <algorithm>

namespace ringside::guest::linux {
namespace {

using Offset = std::uint32_t;
using Modules = std::vector<SampledTask>;

constexpr std::size_t kMaxText = 256;
constexpr std::uint32_t kMaxSections = 4096, kMaxParameters = 512, kMaxExports = 1u << 14;
// struct attribute_group {name, is_visible, is_bin_visible, attrs, bin_attrs}; struct module_sect_attrs
// {grp, nsections, attrs[]}.
constexpr Offset kBinAttributes = 16, kSectionCount = 20, kFirstSection = 24;
// struct kernel_param {name, mod, ops, perm, level, flags, arg}.
constexpr Offset kParameterSize = 20, kParameterModule = 4;
// struct kernel_symbol {value_offset, name_offset, namespace_offset}, each relative to itself.
constexpr Offset kExportSize = 12, kExportName = 4;

/// sect_attrs follows core_kallsyms; the size of what it lists depends on the release.
bool find_sections(Recovery& r, const Modules& all, Offset at) {
  std::uint32_t size = 0;
  for (const SampledTask& module : all) {
    const std::uint32_t group = module.word(at), list = r.memory.word(group + kBinAttributes),
                        count = r.memory.word(group + kSectionCount), first = r.memory.word(list);
    if (!KernelPages::is_pointer(group) || !KernelPages::is_pointer(list) ||
        r.memory.text(r.memory.word(group), kMaxText) != "sections" || count < 2 || count > kMaxSections ||
        first != group + kFirstSection || r.memory.word(list + 4 * count) != 0)
      return false;
    const std::uint32_t one = r.memory.word(list + 4) - first;
    if (one < 16 || one > 128 || (size != 0 && one != size)) return false;
    size = one;
  }
  r.add_pointer("module", "sect_attrs", at);
  r.add_struct("module_sect_attrs", "grp", 0, kSectionCount, "attribute_group");
  r.add_pointer("attribute_group", "name", 0);
  r.add_pointer("attribute_group", "bin_attrs", kBinAttributes);
  r.add_struct("module_sect_attr", "battr", 0, size - 4, "bin_attribute");
  r.add_number("module_sect_attr", "address", size - 4);
  r.add_struct("bin_attribute", "attr", 0, 8, "attribute");
  r.add_pointer("attribute", "name", 0);
  return true;
}

/// kp, num_kp: each parameter names its module.
std::optional<Offset> find_parameters(Recovery& r, const Modules& all, Offset end) {
  std::size_t seen = 0;
  const auto fits = [&](const SampledTask& module, Offset at) {
    const std::uint32_t list = module.word(at), count = module.word(at + 4);
    if (count == 0) return list == 0;
    if (count > kMaxParameters || !KernelPages::is_pointer(list)) return false;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t one = list + i * kParameterSize;
      const auto name = r.memory.text(r.memory.word(one), kMaxText);
      if (r.memory.word(one + kParameterModule) != module.address() || !name || name->empty()) return false;
    }
    ++seen;
    return true;
  };
  return only_offset(0, end, [&](Offset at) {
    seen = 0;
    return std::all_of(all.begin(), all.end(), [&](const auto& module) { return fits(module, at); }) &&
           seen > 0;
  });
}

void add_parameters(Recovery& r, Offset at) {
  r.add_pointer("module", "kp", at);
  r.add_number("module", "num_kp", at + 4);
  r.add_pointer("kernel_param", "name", 0);
  r.add_pointer("kernel_param", "mod", kParameterModule);
  r.add_pointer("kernel_param", "ops", 8);
  r.add_number("kernel_param", "perm", 12, 2);
  r.add_pointer("kernel_param", "arg", 16);
  r.types.add_size("kernel_param", kParameterSize);
  r.add_number("kparam_array", "max", 0);
  r.add_number("kparam_array", "elemsize", 4);
  r.add_pointer("kparam_array", "num", 8);
  r.add_pointer("kparam_array", "ops", 12);
  r.add_pointer("kparam_array", "elem", 16);
  r.add_number("kparam_string", "maxlen", 0);
  r.add_pointer("kparam_string", "string", 4);
}

/// syms, crcs, num_syms stand before kp: each symbol stands in its module, and has a name.
std::optional<Offset> find_exports(Recovery& r, const Modules& all, Offset core, Offset end) {
  std::size_t seen = 0;
  const auto fits = [&](const SampledTask& module, Offset at) {
    const std::uint32_t list = module.word(at), count = module.word(at + 8);
    if (count == 0) return list == 0;
    if (count > kMaxExports || !KernelPages::is_pointer(list)) return false;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t one = list + i * kExportSize;
      const auto name = r.memory.text(one + kExportName + r.memory.word(one + kExportName), kMaxText);
      if (one + r.memory.word(one) - module.word(core) >= module.word(core + 4) || !name || name->empty())
        return false;
    }
    ++seen;
    return true;
  };
  return only_offset(0, end, [&](Offset at) {
    seen = 0;
    return std::all_of(all.begin(), all.end(), [&](const auto& module) { return fits(module, at); }) &&
           seen > 0;
  });
}

/// jump_entries, num_jump_entries: struct jump_entry {code, target, key}, each relative to itself; code and
/// target lie in the module's text, but for those in code that was freed after its init.
std::optional<Offset> find_jump_labels(Recovery& r, const Modules& all, Offset core, Offset first,
                                       Offset end) {
  constexpr std::uint32_t kMaxLabels = 4096, kLabelSize = 12, kTextSize = 8;
  std::size_t seen = 0;
  const auto fits = [&](const SampledTask& module, Offset at) {
    const std::uint32_t list = module.word(at), count = module.word(at + 4), base = module.word(core);
    if (count == 0) return list == 0;
    if (count > kMaxLabels || !KernelPages::is_pointer(list)) return false;
    const auto in_text = [&](std::uint32_t field) {
      return field + r.memory.word(field) - base < module.word(core + kTextSize);
    };
    std::uint32_t good = 0;
    for (std::uint32_t i = 0; i < count; ++i)
      if (in_text(list + i * kLabelSize) && in_text(list + i * kLabelSize + 4)) ++good;
    seen += good != 0 ? 1 : 0;
    return good * 2 >= count;
  };
  return only_offset(first, end, [&](Offset at) {
    seen = 0;
    return std::all_of(all.begin(), all.end(), [&](const auto& module) { return fits(module, at); }) &&
           seen > 0;
  });
}

}  // namespace

void recover_module_parts(Recovery& r, const std::vector<SampledTask>& modules) {
  const auto kallsyms = r.types.field("module", "core_kallsyms"),
             core = r.types.field("module", "core_layout");
  if (!kallsyms || !core) return;
  const Offset sections = kallsyms->offset + kallsyms->size;
  if (!find_sections(r, modules, sections)) r.types.missing("module.sect_attrs");
  // sect_attrs, notes_attrs, args
  const Offset arguments = sections + 8;
  const bool texts = std::all_of(modules.begin(), modules.end(), [&](const SampledTask& module) {
    return r.memory.text(module.word(arguments), kMaxText).has_value();
  });
  if (texts)
    r.add_pointer("module", "args", arguments);
  else
    r.types.missing("module.args");
  constexpr Offset kEnd = 632;  // of what is sampled of a module
  if (const auto labels = find_jump_labels(r, modules, core->offset, arguments + 4, kEnd)) {
    r.add_pointer("module", "jump_entries", *labels);
    r.add_number("module", "num_jump_entries", *labels + 4);
  } else {
    r.types.missing("module.jump_entries");
  }
  const auto parameters = find_parameters(r, modules, core->offset);
  if (!parameters) return r.types.missing("module.kp, syms");
  add_parameters(r, *parameters);
  const auto exports = find_exports(r, modules, core->offset, *parameters);
  if (!exports) return r.types.missing("module.syms");
  r.add_pointer("module", "syms", *exports);
  r.add_number("module", "num_syms", *exports + 8);
  r.add_number("kernel_symbol", "value_offset", 0, 4, true);
  r.add_number("kernel_symbol", "name_offset", kExportName, 4, true);
  r.types.add_size("kernel_symbol", kExportSize);
}

}  // namespace ringside::guest::linux
