// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/modules.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// A struct module that some view of the kernel's modules shows, or memory of a module that belongs to none.
/// A view is nullopt where this kernel has no such view, where it does not apply to the module (one without
/// types is not in btf_modules), or where it could not be read wholly.
struct ModuleView {
  std::optional<Module> module;        ///< nullopt: memory without a module, or one that cannot be read
  Gva address{0};                      ///< of the struct module; 0: none was found
  std::optional<Gva> area;             ///< of memory that no other view accounts for
  std::uint64_t area_size = 0;         ///< bytes
  std::optional<Gva> area_caller;      ///< who asked for that memory
  bool in_flight = false;              ///< memory that may belong to an init which is over, and be freed now
  std::optional<bool> listed;          ///< in `modules`: /proc/modules
  std::optional<bool> sysfs;           ///< a kobject of module_kset: /sys/module
  std::optional<bool> tree, tree_too;  ///< in the copies of mod_tree
  std::optional<bool> btf;             ///< in btf_modules
  std::optional<bool> bugs;            ///< in module_bug_list
  std::optional<bool> memory;          ///< an area of the module range holds its text
  std::optional<bool> traced;          ///< ftrace has records of its functions
  /// It is live, or shown by sysfs as only a formed module is, and yet a view that must show it does not. A
  /// module that is being loaded or removed is in some views and not in others. nullopt: not known.
  std::optional<bool> hidden;
  /// Taints of the module that tainted_mask lacks: the kernel sets both, and clears neither. nullopt: not
  /// known.
  std::optional<std::uint64_t> taints_cleared;
};

/// What to look at beyond the lists, which costs more.
struct ModuleViewParts {
  bool memory = true;  ///< areas of virtual memory, and what in them belongs to no module
  bool traced = true;  ///< records of ftrace
};

/// Every module that any view shows: those in the list first, in its order, then those that only others show,
/// then memory without a module. All is read in one pass: on a running guest a module that is loaded or
/// removed meanwhile may seem hidden for one look.
Listing<ModuleView> module_views(Kernel& kernel, const ModuleViewParts& parts = {});

}  // namespace ringside::guest::linux
