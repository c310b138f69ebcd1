// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// The layouts of the trees that hold the sysctl tables (include/linux/sysctl.h).
struct SysctlLayout {
  std::uint32_t set_directory = 0;                         // struct ctl_table_set
  std::uint32_t directory_header = 0, directory_tree = 0;  // struct ctl_dir
  std::uint32_t node_hook = 0, node_header = 0;            // struct ctl_node
  std::uint32_t node_size = 0;
  std::uint32_t header_tables = 0, header_nodes = 0, header_leaving = 0,
                header_set = 0;               // struct ctl_table_header
  std::optional<std::uint32_t> header_count;  // from 6.6 on
  std::uint32_t name = 0, data = 0, length = 0, mode = 0, handler = 0, table_size = 0;  // struct ctl_table
};

struct SysctlPlace {
  SysctlLayout layout;
  bool by_types = true;  ///< false: what the kernel does not tell had to be found another way
  Gva global;  ///< the set of the values that belong to no namespace (sysctl_table_root.default_set)
};

/// By the kernel's types. A 32-bit kernel without types and without names for its variables: found by the
/// functions that use it, and laid out as the source demands.
Result<SysctlPlace> find_sysctl(Kernel& kernel);

/// The sets of the first user, IPC, PID and network namespace of a kernel without types: those which stand
/// near what `functions` refer to. Their root directories name them, so nothing else is taken for one.
std::vector<Gva> find_sets(Kernel& kernel, const SysctlPlace& place,
                           std::initializer_list<std::string_view> functions);

}  // namespace ringside::guest::linux
