// SPDX-License-Identifier: Apache-2.0
// struct module (include/linux/module.h) of releases with core_layout, up to 6.3.
#include "guest/linux/recovery.h"

#include <algorithm>

namespace ringside::guest::linux {
namespace {

using Offset = std::uint32_t;

constexpr std::size_t kLookedAt = 640;
constexpr std::size_t kMaxModules = 512;
// The first members: state, list, name[MODULE_NAME_LEN], mkobj.
constexpr Offset kList = 4, kName = 12, kNameSize = 60, kObject = 72;
// struct module_kobject {kobj, mod}; struct module_layout ends with struct mod_tree_node, which names its
// module.
constexpr Offset kObjectModule = 36, kLayoutModule = 20, kLayoutSize = 48;

using Modules = std::vector<SampledTask>;

/// All modules, if the first members are where they should be.
Modules sample_all(Recovery& r, std::uint32_t head) {
  Modules all;
  std::uint32_t before = head;
  for (std::uint32_t at = r.memory.word(head); at != head && all.size() < kMaxModules;
       at = r.memory.word(at)) {
    Bytes bytes(kLookedAt);
    if (!KernelPages::is_pointer(at) || r.memory.word(at + 4) != before) return {};
    const std::uint32_t module = at - kList;
    // A module that comes or goes may not have all of it.
    const auto name = r.memory.text(module + kName, kNameSize - 1);
    const auto object = r.memory.text(r.memory.word(module + kObject), kNameSize - 1);
    const bool live = r.memory.get<std::uint32_t>(module) == 0u;
    if (!name || name->empty()) return {};
    if (live && (object != name || r.memory.word(module + kObject + kObjectModule) != module)) return {};
    if (live && r.memory.read(module, bytes)) all.emplace_back(module, std::move(bytes));
    before = at;
  }
  return all;
}

template <class Fits>
std::optional<Offset> only_in_all(const Modules& all, Offset first, Fits&& fits) {
  return only_offset(first, kLookedAt - 8, [&](Offset at) {
    return std::all_of(all.begin(), all.end(), [&](const SampledTask& module) { return fits(module, at); });
  });
}

void add_layout(Recovery& r) {
  r.add_pointer("module_layout", "base", 0);
  Offset at = 4;
  for (const auto name : {"size", "text_size", "ro_size", "ro_after_init_size"}) {
    r.add_number("module_layout", name, at);
    at += 4;
  }
  r.types.add_size("module_layout", kLayoutSize);
}

/// core_layout: from a page's start on, text before read-only data before the rest, with the module itself in
/// it. init_layout follows; it was freed.
std::optional<Offset> find_layouts(Recovery& r, const Modules& all) {
  const auto core = only_in_all(all, kObject + kObjectModule + 4, [&](const SampledTask& module, Offset at) {
    const std::uint32_t base = module.word(at), size = module.word(at + 4), text = module.word(at + 8),
                        read_only = module.word(at + 12);
    return base % kPageSize == 0 && text <= read_only && read_only <= size &&
           module.address() - base < size && module.word(at + kLayoutModule) == module.address() &&
           module.word(at + kLayoutSize + kLayoutModule) == module.address();
  });
  if (!core) {
    r.types.missing("module.core_layout, init_layout");
    return std::nullopt;
  }
  add_layout(r);
  r.add_struct("module", "core_layout", *core, kLayoutSize, "module_layout");
  r.add_struct("module", "init_layout", *core + kLayoutSize, kLayoutSize, "module_layout");
  return core;
}

/// taints, num_bugs, bug_list: the last links all modules.
void find_taints(Recovery& r, const Modules& all, Offset after) {
  const auto bugs = only_offset(after + 8, after + 40, [&](Offset at) {
    return std::all_of(all.begin(), all.end(), [&](const SampledTask& module) {
      const std::uint32_t own = module.address() + at, next = module.word(at), previous = module.word(at + 4);
      return next != own && KernelPages::is_pointer(next) && r.memory.word(next + 4) == own &&
             KernelPages::is_pointer(previous) && r.memory.word(previous) == own;
    });
  });
  const bool fits = bugs && std::all_of(all.begin(), all.end(), [&](const SampledTask& module) {
                      return module.word(*bugs - 8) < 1u << 20;
                    });
  if (fits)
    r.add_number("module", "taints", *bugs - 8);
  else
    r.types.missing("module.taints");
}

/// kallsyms points to core_kallsyms behind it once a module is live; sect_attrs follows.
void find_symbols(Recovery& r, const Modules& all, Offset core) {
  const auto kallsyms = only_in_all(all, core, [&](const SampledTask& module, Offset at) {
    const std::uint32_t base = module.word(core), size = module.word(core + 4);
    return module.word(at) == module.address() + at + 4 && module.word(at + 4) - base < size &&
           module.word(at + 12) - base < size && module.word(at + 8) * 16 <= size;
  });
  if (!kallsyms) {
    r.types.missing("module.kallsyms, core_kallsyms");
    return;
  }
  r.add_pointer("module", "kallsyms", *kallsyms);
  r.add_struct("module", "core_kallsyms", *kallsyms + 4, 16, "mod_kallsyms");
  r.add_pointer("mod_kallsyms", "symtab", 0);
  r.add_number("mod_kallsyms", "num_symtab", 4);
  r.add_pointer("mod_kallsyms", "strtab", 8);
  r.add_pointer("mod_kallsyms", "typetab", 12);
  r.types.add_size("mod_kallsyms", 16);
  r.add_number("elf32_sym", "st_name", 0);
  r.add_number("elf32_sym", "st_value", 4);
  r.add_number("elf32_sym", "st_size", 8);
  r.add_number("elf32_sym", "st_info", 12, 1);
  r.add_number("elf32_sym", "st_other", 13, 1);
  r.add_number("elf32_sym", "st_shndx", 14, 2);
  r.types.add_size("elf32_sym", 16);
}

/// source_list and target_list: who uses a module and whom it uses (struct module_use), then exit and refcnt.
void find_users(Recovery& r, const Modules& all, Offset after) {
  constexpr Offset kSource = 16,
                   kTarget = 20;  // in struct module_use {source_list, target_list, source, target}
  std::size_t uses = 0;
  const auto closes = [&](std::uint32_t head, Offset link, Offset names, std::uint32_t module) {
    std::uint32_t before = head;
    std::size_t count = 0;
    for (std::uint32_t at = r.memory.word(head); at != head; at = r.memory.word(at), ++count) {
      if (!KernelPages::is_pointer(at) || r.memory.word(at + 4) != before || count > kMaxModules)
        return false;
      if (r.memory.word(at - link + names) != module) return false;
      before = at;
    }
    uses += count;
    return true;
  };
  const auto lists = only_in_all(all, after, [&](const SampledTask& module, Offset at) {
    const std::uint32_t own = module.address();
    return closes(own + at, 0, kTarget, own) && closes(own + at + 8, 8, kSource, own);
  });
  if (!lists || uses == 0) {
    r.types.missing("module.source_list, target_list, refcnt");
    return;
  }
  r.add_list("module", "source_list", *lists);
  r.add_list("module", "target_list", *lists + 8);
  r.add_list("module_use", "source_list", 0);
  r.add_list("module_use", "target_list", 8);
  r.add_pointer("module_use", "source", kSource);
  r.add_pointer("module_use", "target", kTarget);
  r.types.add_size("module_use", 24);
  const auto& identity = r.kernel().identity();
  const bool fits = std::all_of(all.begin(), all.end(), [&](const SampledTask& module) {
    const std::uint32_t exit = module.word(*lists + 16), count = module.word(*lists + 20);
    return (exit == 0 || !identity.image.contains(Gva{exit})) && count >= 1 && count < 1u << 24;
  });
  if (fits) {
    r.add_pointer("module", "exit", *lists + 16);
    r.add_number("module", "refcnt", *lists + 20, 4, true);
  } else {
    r.types.missing("module.refcnt");
  }
}

/// version and srcversion: modules that name the first have the second, a checksum of 23 or 24 digits
/// (scripts/mod/sumversion.c).
void find_source_version(Recovery& r, const Modules& all, Offset end) {
  const auto place = only_offset(kObject + kObjectModule + 4, end, [&](Offset at) {
    std::size_t seen = 0;
    for (const auto& module : all) {
      const std::uint32_t version = module.word(at - 4), checksum = module.word(at);
      if ((version == 0) != (checksum == 0)) return false;
      if (checksum == 0) continue;
      const auto text = r.memory.text(checksum, 32);
      if (!text || text->size() < 20 || text->find_first_not_of("0123456789ABCDEF") != std::string::npos ||
          !r.memory.text(version, 256))
        return false;
      ++seen;
    }
    return seen != 0;
  });
  if (place) {
    r.add_pointer("module", "version", *place - 4);
    r.add_pointer("module", "srcversion", *place);
  } else {
    r.types.missing("module.version, srcversion");
  }
}

}  // namespace

void recover_modules(Recovery& r) {
  const std::uint32_t head = r.variable("modules");
  const Modules all = head == 0 ? Modules{} : sample_all(r, head);
  if (all.empty()) {
    r.types.missing("struct module: no list of modules, or none is loaded");
    return;
  }
  r.add_struct("module", "state", 0, 4, "");
  r.add_list("module", "list", kList);
  r.add_array("module", "name", kName, kNameSize, 1);
  r.add_struct("module", "mkobj", kObject, 52, "module_kobject");
  r.add_struct("module_kobject", "kobj", 0, 36, "kobject");
  r.add_pointer("module_kobject", "mod", kObjectModule);
  r.add_pointer("kobject", "name", 0);
  r.add_list("kobject", "entry", 4);
  const auto core = find_layouts(r, all);
  if (!core) return;
  find_source_version(r, all, *core);
  find_taints(r, all, *core + 2 * kLayoutSize);
  find_symbols(r, all, *core);
  find_users(r, all, *core + 2 * kLayoutSize);
  recover_module_parts(r, all);
}

}  // namespace ringside::guest::linux
