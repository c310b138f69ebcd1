// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscalls.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {
constexpr std::size_t kMaxName = 128;
}

Result<std::vector<std::string>> read_syscall_metadata(Kernel& kernel, unsigned count) {
  count = std::min(count, SyscallTable::kMaxEntries);
  const auto variable = kernel.find_symbol("syscalls_metadata");
  if (!variable || kernel.identity().bits != 64)
    return fail(Errc::unavailable, "the kernel keeps no list of its system calls for tracing");
  RINGSIDE_TRY(const auto name_field, kernel.field("syscall_metadata", "name"));
  RINGSIDE_TRY(const auto number_field, kernel.field("syscall_metadata", "syscall_nr"));
  RINGSIDE_TRY(const Gva list, kernel.read_pointer(*variable));
  if (list.value == 0) return fail(Errc::unavailable, "the list of system calls for tracing is not made yet");
  std::vector<std::string> names(count);
  for (unsigned nr = 0; nr < count; ++nr) {
    // The list is as long as the kernel's own count of calls, which is `count` or a little less (the table
    // is padded): past its end anything may stand, and is told by its number.
    const auto metadata = kernel.read_pointer(list + nr * 8);
    if (!metadata || metadata->value == 0) continue;
    const auto number = kernel.read_field(*metadata, number_field);
    if (!number || static_cast<std::uint32_t>(*number) != nr) continue;
    const auto text = kernel.read_pointer_field(*metadata, name_field);
    if (!text) continue;
    const auto name = kernel.read_string(*text, kMaxName);
    if (name) names[nr] = syscall_name(*name);
  }
  return names;
}

}  // namespace ringside::guest::linux
