// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscall_dispatch.h"

#include "guest/linux/function_code.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

constexpr std::size_t kMaxEntryCode = 8 * 1024;
constexpr unsigned kMaxCount = 1024;  // more is no number of system calls

struct Names {
  SyscallAbi abi;
  std::string_view name, table, switch_code;
  /// arch/x86/entry/common.c, from 7.0 on arch/x86/entry/syscall_{64,32}.c. What is inlined has no symbol.
  std::array<std::string_view, 7> entries;
};

constexpr std::array kAll = {
    Names{SyscallAbi::x64, "x64", "sys_call_table", "x64_sys_call", {"do_syscall_64", "do_syscall_x64"}},
    Names{SyscallAbi::ia32,
          "ia32",
          "ia32_sys_call_table",
          "ia32_sys_call",
          {"do_int80_syscall_32", "do_int80_emulation", "int80_emulation", "__do_fast_syscall_32",
           "do_fast_syscall_32", "do_syscall_32_irqs_on", "fred_int80_emulation"}},
    Names{SyscallAbi::x32, "x32", "x32_sys_call_table", "x32_sys_call", {"do_syscall_64", "do_syscall_x32"}}};

const Names& names_of(SyscallAbi abi) {
  return *std::find_if(kAll.begin(), kAll.end(), [&](const Names& one) { return one.abi == abi; });
}

/// A table that no symbol names: what the entry code indexes must be a table of functions. Some may be a
/// module's, which is what is looked for.
bool looks_like_table(Kernel& kernel, Gva table) {
  constexpr unsigned kLooked = 32, kMostForeign = 8;
  const auto& identity = kernel.identity();
  if (table < identity.image.first) return false;
  unsigned foreign = 0;
  for (unsigned i = 0; i < kLooked; ++i) {
    const auto handler = kernel.read_pointer(table + i * kernel.pointer_size());
    if (!handler) return false;
    foreign += identity.text.contains(*handler) ? 0 : 1;
  }
  return foreign <= kMostForeign;
}

void look_through(Kernel& kernel, const Names& names, std::string_view entry, SyscallDispatch& dispatch) {
  const auto at = kernel.find_symbol(entry);
  if (!at) return;
  const auto code = read_function(kernel, *at, kMaxEntryCode);
  if (!code) return;
  const auto references = find_references(*code, *at, kernel.identity().bits == 64);
  if (!references) return;
  for (const auto& [table, count] : references->indexed) {
    if (dispatch.table ? table != *dispatch.table : !looks_like_table(kernel, table)) continue;
    dispatch.table = table;
    dispatch.by_table = true;
    dispatch.count = count && *count > 0 && *count < kMaxCount ? count : std::nullopt;
    // A 32-bit kernel has one table, which is called as a 64-bit kernel's.
    const bool wide = kernel.identity().bits == 64;
    dispatch.shown_by =
        std::string(entry) + " indexes " + (wide ? std::string(names.table) : "sys_call_table");
  }
  if (dispatch.by_table || !dispatch.switch_code) return;
  const auto& calls = references->calls;
  if (std::find(calls.begin(), calls.end(), *dispatch.switch_code) == calls.end()) return;
  dispatch.by_table = false;
  dispatch.shown_by = std::string(entry) + " calls " + std::string(names.switch_code);
}

}  // namespace

std::string_view to_string(SyscallAbi abi) {
  return names_of(abi).name;
}

std::optional<SyscallAbi> parse_syscall_abi(std::string_view name) {
  for (const auto& one : kAll)
    if (one.name == name) return one.abi;
  return std::nullopt;
}

bool has_syscalls(Kernel& kernel, SyscallAbi abi) {
  // The one table of a 32-bit kernel is named as the native one of 64 bits.
  if (kernel.identity().bits == 32) return abi == SyscallAbi::ia32;
  const auto& names = names_of(abi);
  return abi == SyscallAbi::x64 || kernel.find_symbol(names.table) || kernel.find_symbol(names.switch_code);
}

Result<SyscallDispatch> read_syscall_dispatch(Kernel& kernel, SyscallAbi abi) {
  const auto& names = names_of(abi);
  if (!has_syscalls(kernel, abi))
    return fail(Errc::not_found,
                "this kernel has no system calls of the " + std::string(names.name) + " ABI");
  SyscallDispatch dispatch;
  dispatch.table = kernel.find_symbol(names.table);
  if (!dispatch.table && kernel.identity().bits == 32) dispatch.table = kernel.find_symbol("sys_call_table");
  dispatch.switch_code = kernel.find_symbol(names.switch_code);
  for (const auto entry : names.entries)
    if (!entry.empty() && dispatch.by_table != true) look_through(kernel, names, entry, dispatch);
  return dispatch;
}

}  // namespace ringside::guest::linux
