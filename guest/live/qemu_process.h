// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/memory/memory_map.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::live {

/// Field 22 of /proc/PID/stat: clock ticks after boot at which the process started; nullopt if there is no
/// such process (a zombie counts as none). With the pid it names a process for good.
std::optional<unsigned long long> process_start(pid_t pid);
std::optional<unsigned long long> parse_start_time(std::string_view stat);
bool is_alive(pid_t pid, unsigned long long start);

/// One line of /proc/PID/maps (proc(5)).
struct Mapping {
  std::uint64_t start = 0, end = 0;
  bool readable = false, writable = false, executable = false, shared = false;
  std::uint64_t file_offset = 0;
  unsigned device_major = 0, device_minor = 0;
  std::uint64_t inode = 0;  ///< 0: anonymous
  std::string path;
  bool operator==(const Mapping&) const = default;
};
Result<std::vector<Mapping>> parse_mappings(std::string_view maps);
Result<std::vector<Mapping>> read_mappings(pid_t pid);

/// The mapping that holds `address`, or nullptr. `mappings` are sorted, as the kernel prints them.
const Mapping* find_mapping(const std::vector<Mapping>& mappings, std::uint64_t address);

/// Whether these are the mappings of the process behind `map`: every range with a known HVA is covered by
/// readable mappings, RAM by writable ones. `mismatch` names the first range that is not.
Result<void> check_is_qemu(const std::vector<Mapping>& mappings, const memory::MemoryMap& map);

}  // namespace ringside::guest::live
