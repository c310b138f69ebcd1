// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

// Which function does a call of 32-bit programs (ia32) or of x32, by its number. Numbers are what programs
// are compiled with: Linux never gives one to another call, so a kernel's table or switch can be held against
// them whatever stands in it. Facts of arch/x86/entry/syscalls/syscall_32.tbl, from 5.10 to 7.2.

/// One past the highest number that is known: later releases may have more.
unsigned ia32_syscall_numbers_end();

/// Symbols that the function of call `nr` may have in a kernel of so many bits, in the order of preference.
/// Empty: the number has no call, or `nr` is not known.
std::vector<std::string> ia32_syscall_symbols(unsigned nr, unsigned bits);

/// Whether `name` ("getuid16": without prefix) is the function of any number.
bool is_ia32_syscall(std::string_view name);

/// The numbers that x32 has for itself: below, its calls are those of 64-bit programs, and above there are
/// none (arch/x86/entry/syscalls/syscall_64.tbl).
inline constexpr unsigned kX32Numbers = 512;
/// What the function of such a call is named, without prefix; empty: no such call.
std::string_view x32_syscall_name(unsigned nr);

}  // namespace ringside::guest::linux
