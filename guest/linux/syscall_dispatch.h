// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// The three ways in which user programs number system calls (arch/x86/entry/syscalls/).
enum class SyscallAbi : std::uint8_t {
  x64,   ///< SYSCALL of 64-bit programs
  ia32,  ///< INT 80h, SYSENTER and SYSCALL of 32-bit programs; the only one of a 32-bit kernel
  x32,   ///< SYSCALL with bit 30 of the number set
};
std::string_view to_string(SyscallAbi abi);
std::optional<SyscallAbi> parse_syscall_abi(std::string_view name);

/// How the kernel comes from a number to the function that does the call.
struct SyscallDispatch {
  std::optional<Gva> table;        ///< sys_call_table, ia32_sys_call_table, x32_sys_call_table
  std::optional<Gva> switch_code;  ///< x64_sys_call, ia32_sys_call, x32_sys_call
  /// The entry code indexes `table` with the number (true), or calls `switch_code` and leaves the table
  /// alone (false); nullopt: neither was found in it.
  std::optional<bool> by_table;
  /// How many numbers the entry code lets through to `table`; nullopt: not found in it.
  std::optional<unsigned> count;
  std::string shown_by;  ///< where that was seen: "do_syscall_64 calls x64_sys_call"
};

/// Whether this kernel knows `abi` at all: it has a table or a switch for it.
bool has_syscalls(Kernel& kernel, SyscallAbi abi);

/// Reads the code that system calls enter through (do_syscall_64 and its kin) and says which way it goes.
/// Linux leaves the table to function tracing alone where it was built with the switch (5.10 to 6.1.8x use
/// the table; commit "x86/syscall: Don't force use of indirect calls for system calls" of 6.9 and its
/// backports). A kernel that does not export its table (i386) tells where it is by the same code. Errors:
/// `not_found` if the kernel does not know this `abi`.
Result<SyscallDispatch> read_syscall_dispatch(Kernel& kernel, SyscallAbi abi);

}  // namespace ringside::guest::linux
