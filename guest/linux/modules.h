// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// What to read of each module. Address, name, state and load order are always read; what is not asked for
/// costs nothing and enters no read set.
enum class ModuleParts : std::uint32_t {
  none = 0,
  layout = 1,       ///< regions, base, size
  references = 2,   ///< reference count
  users = 4,        ///< which modules use it
  texts = 8,        ///< version, srcversion, args
  taints = 16,      ///< taints
  functions = 32,   ///< init, exit
  symbols = 64,     ///< number of symbols
  build_id = 128,   ///< build id
  parameters = 256  ///< number of parameters
};
constexpr ModuleParts operator|(ModuleParts a, ModuleParts b) {
  return static_cast<ModuleParts>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr bool has(ModuleParts set, ModuleParts any) {
  return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(any)) != 0;
}
inline constexpr ModuleParts kAllModuleParts = static_cast<ModuleParts>(0x1ff);

/// enum module_state (include/linux/module.h); the numbers are the kernel's.
enum class ModuleState : std::uint32_t { live = 0, coming = 1, going = 2, unformed = 3 };
/// "live", "coming", "going", "unformed"; "?" for a number that is none of them.
std::string_view to_string(ModuleState state);

/// What a region of a module holds: enum mod_mem_type (include/linux/module.h, from 6.4). Older kernels have
/// one area for all that stays and one for what goes after the module's init, each divided by sizes.
enum class ModuleRegionKind : std::uint8_t {
  text,
  data,
  rodata,
  ro_after_init,
  init_text,
  init_data,
  init_rodata
};
inline constexpr std::size_t kModuleRegionKinds = 7;
std::string_view to_string(ModuleRegionKind kind);

struct ModuleRegion {
  ModuleRegionKind kind{};
  Gva base;
  std::uint64_t size = 0;  ///< bytes, never 0
  bool contains(Gva gva) const { return gva.value - base.value < size; }
  bool operator==(const ModuleRegion&) const = default;
};

/// One struct module. nullopt: not asked for, not there (a module without a version), or this kernel's layout
/// does not tell (then the listing's problems name it).
struct Module {
  Gva address;  ///< of the struct module
  std::string name;
  ModuleState state{};
  std::optional<std::uint32_t> load_order;  ///< 1: the first loaded of those that are there
  std::vector<ModuleRegion> regions;
  std::optional<Gva> base;            ///< as /proc/modules shows it: of its text
  std::optional<std::uint64_t> size;  ///< as /proc/modules shows it: bytes of all regions
  std::optional<std::int64_t> references;
  std::vector<std::string> used_by;  ///< names, in the kernel's order
  std::optional<std::string> version, srcversion, args;
  std::optional<std::uint64_t> taints;  ///< bits as of kernel:tainted; see taint_letters()
  std::optional<Gva> init, exit;        ///< 0: has none
  std::optional<std::uint32_t> symbols, parameters;
  std::optional<std::string> build_id;  ///< hex

  const ModuleRegion* region(ModuleRegionKind kind) const;
};

/// Most modules that a walk takes.
inline constexpr std::uint64_t kMaxModules = 1u << 13;

/// The modules in the kernel's list, the last loaded first, as in /proc/modules (which leaves out unformed
/// ones). A module that is still unformed comes with its name and state only. Problems: what could not be
/// read, and a list that is torn, too long or loops. Without the list's place or the layout of list and name
/// there are no entries, and the problem says so.
Listing<Module> modules(Kernel& kernel, ModuleParts parts = kAllModuleParts);

/// The letters of taint bits, in order of bit, as /sys/module/NAME/taint shows them ("POE"; kernel/panic.c,
/// taint_flags). A bit without a letter shows as "?".
std::string taint_letters(std::uint64_t taints);

}  // namespace ringside::guest::linux
