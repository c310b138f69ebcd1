// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/views/view.h"

#include <array>
#include <vector>

namespace ringside::guest::linux {

/// Where a kernel keeps its modules, apart from the list that /proc/modules shows. Each view holds addresses
/// of struct module.
struct ModuleRegisters {
  View sysfs;                 ///< kobjects of module_kset that belong to a module: /sys/module
  std::array<View, 2> trees;  ///< both copies of mod_tree, by which addresses in modules are found
  View btf;                   ///< btf_modules (from 6.1)
  View bugs;                  ///< module_bug_list
};

/// Walks them. A register that this kernel was built without does not exist, which is no problem.
ModuleRegisters module_registers(Kernel& kernel);

/// The first function of each page of ftrace's records that lies outside the kernel image. Each module has
/// pages of its own (kernel/trace/ftrace.c, ftrace_process_locs), in order of address. nullopt: this kernel
/// has no ftrace.
struct TracedFunctions {
  std::vector<Gva> functions;  ///< in order
  std::vector<Error> problems;
  /// One of them lies in [first, first + size).
  bool any_in(Gva first, std::uint64_t size) const;
};
std::optional<TracedFunctions> traced_outside_image(Kernel& kernel);

}  // namespace ringside::guest::linux
