// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/syscall_dispatch.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// One number of one ABI.
struct Syscall {
  unsigned nr = 0;
  std::string name;  ///< "openat", "newstat": as the kernel's function is called; empty: not known
  /// What says so, best first: the kernel's list for tracing ("metadata"), which was made at boot and does
  /// not follow the table; the number, which Linux gives to one call only ("number", of 32-bit programs); the
  /// switch; the table's own entry. Empty: nothing does.
  std::string_view name_from;
  std::optional<Gva> entry;         ///< where the table's entry stands
  std::optional<Gva> handler;       ///< what the table holds
  std::optional<Gva> real_handler;  ///< what such a call enters
  std::string real_unknown;         ///< why real_handler is not known
  /// Where the function of that name stands, if `name` comes from elsewhere than the table. Of a 32-bit call
  /// that is not there and enters the function of another number: where sys_ni_syscall stands.
  std::optional<Gva> expected;
  std::string expected_unknown;  ///< of a 32-bit call that is there: why `expected` is not known
};

/// The system calls of one ABI, by number from 0. Numbers that the kernel has no call for are there too.
struct SyscallTable {
  /// Entries that a table may have.
  static constexpr unsigned kMaxEntries = 1024;

  SyscallAbi abi{};
  SyscallDispatch dispatch;
  std::vector<Syscall> entries;
  std::vector<Error> problems;  ///< what could not be read; empty: all was
};

/// Reads the table, and where the kernel does not go by it the switch. Errors: `not_found` if the kernel does
/// not know the ABI; `unavailable` if neither table nor switch can be found in it.
Result<SyscallTable> read_syscalls(Kernel& kernel, SyscallAbi abi);

/// "openat" of "__x64_sys_openat", "__ia32_compat_sys_openat", "sys_openat"; empty if `symbol` is no system
/// call's, or the one of the calls that are not there (sys_ni_syscall).
std::string_view syscall_name(std::string_view symbol);

/// Where the function of the call `name` of this ABI stands; nullopt if this kernel has none.
std::optional<Gva> syscall_function(Kernel& kernel, SyscallAbi abi, const std::string& name);

/// The name of the symbol at exactly `function`; of several the one that is of this ABI. Empty if there is
/// none.
std::string syscall_symbol(Kernel& kernel, SyscallAbi abi, Gva function);

/// Names of the 64-bit calls from the kernel's list for tracing (kernel/trace/trace_syscalls.c,
/// syscalls_metadata), by number; empty strings where it has none. Errors: `unavailable` where the kernel
/// keeps no such list.
Result<std::vector<std::string>> read_syscall_metadata(Kernel& kernel, unsigned count);

}  // namespace ringside::guest::linux
