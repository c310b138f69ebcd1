// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscall_naming.h"

#include "guest/linux/syscall_numbers.h"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace ringside::guest::linux {

namespace {

/// From here on all ABIs have the same numbers (include/uapi/asm-generic/unistd.h).
constexpr unsigned kCommonNumbers = 424;

/// The first of `symbols` that this kernel has.
std::optional<std::pair<std::string, Gva>> first_of(Kernel& kernel, std::vector<std::string> symbols) {
  for (auto& symbol : symbols)
    if (const auto found = kernel.find_symbol(symbol)) return {{std::move(symbol), *found}};
  return std::nullopt;
}

class Naming {
 public:
  Naming(Kernel& kernel, SyscallTable& table);
  void name(Syscall& call);

 private:
  bool by_metadata(Syscall& call);
  bool by_number(Syscall& call);
  bool by_x32(Syscall& call);
  void by_function(Syscall& call);
  void judge_without_name(Syscall& call);
  void judge_untraced(Syscall& call);
  std::string name_of(Gva function) const;

  Kernel& kernel_;
  SyscallTable& table_;
  std::vector<std::string> traced_;        ///< of x32: names of 64-bit programs' calls of the same numbers
  std::unordered_set<std::string> known_;  ///< the same, as a set
  unsigned traced_from_ = 0;               ///< the first number that `traced_` speaks of
};

Naming::Naming(Kernel& kernel, SyscallTable& table) : kernel_(kernel), table_(table) {
  if (table.abi == SyscallAbi::ia32) traced_from_ = std::max(kCommonNumbers, ia32_syscall_numbers_end());
  auto numbers = static_cast<unsigned>(table.entries.size());
  if (traced_from_ >= numbers) return;
  if (table.abi == SyscallAbi::x32) numbers = std::min(numbers, kX32Numbers);
  auto names = read_syscall_metadata(kernel, numbers);
  if (!names) return;
  traced_ = std::move(*names);
  if (table.abi != SyscallAbi::ia32) known_.insert(traced_.begin(), traced_.end());
  known_.erase("");
}

/// The name of the call that `function` is for, empty if it is for none.
std::string Naming::name_of(Gva function) const {
  return std::string(syscall_name(syscall_symbol(kernel_, table_.abi, function)));
}

bool Naming::by_metadata(Syscall& call) {
  if (call.nr < traced_from_ || call.nr >= traced_.size() || traced_[call.nr].empty()) return false;
  call.name = traced_[call.nr];
  call.name_from = "metadata";
  call.expected = syscall_function(kernel_, table_.abi, call.name);
  return true;
}

bool Naming::by_number(Syscall& call) {
  if (table_.abi != SyscallAbi::ia32) return false;
  const auto function = first_of(kernel_, ia32_syscall_symbols(call.nr, kernel_.identity().bits));
  if (!function) return false;
  call.name = std::string(syscall_name(function->first));
  call.name_from = "number";
  call.expected = function->second;
  return true;
}

/// A call of x32 may also be missing: those that take 64-bit structures have another number there.
bool Naming::by_x32(Syscall& call) {
  if (table_.abi != SyscallAbi::x32) return false;
  const bool own = call.nr >= kX32Numbers;
  if (!own && call.nr >= traced_.size()) return false;
  const std::string name = own ? std::string(x32_syscall_name(call.nr)) : traced_[call.nr];
  if (name.empty()) return false;
  for (const auto& function : {call.handler, call.real_handler}) {
    if (!function) continue;
    const std::string actual = name_of(*function);
    if (actual.empty() && syscall_symbol(kernel_, table_.abi, *function).ends_with("sys_ni_syscall"))
      continue;
    call.name = name;
    call.name_from = own ? "number" : "metadata";
    // Releases differ in whether it has a function of its own.
    call.expected = actual == name ? function : syscall_function(kernel_, table_.abi, name);
    if (actual != name) return true;
  }
  return !call.name.empty();
}

void Naming::by_function(Syscall& call) {
  const bool by_switch = table_.dispatch.by_table != true && call.real_handler.has_value();
  const auto function = by_switch ? call.real_handler : call.handler;
  if (!function) return;
  call.name = std::string(syscall_name(syscall_symbol(kernel_, table_.abi, *function)));
  if (!call.name.empty()) call.name_from = by_switch ? "switch" : "table";
  if (by_switch && table_.abi != SyscallAbi::ia32) call.expected = function;
}

/// A 32-bit call of a number that Linux has no function for, or this kernel none of that name, or that is
/// newer than what is known. What is not there (sys_ni_syscall) is as it should be.
void Naming::judge_without_name(Syscall& call) {
  for (const auto& function : {call.handler, call.real_handler}) {
    if (!function) continue;
    const auto symbol = syscall_symbol(kernel_, table_.abi, *function);
    if (symbol.ends_with("sys_ni_syscall")) continue;
    const bool known_number = call.nr < ia32_syscall_numbers_end();
    if (known_number && is_ia32_syscall(syscall_name(symbol)))
      if (const auto none = first_of(kernel_, {"__ia32_sys_ni_syscall", "sys_ni_syscall"})) {
        call.expected = none->second;
        call.expected_unknown.clear();
        return;
      }
    call.expected_unknown = known_number ? "Linux has no call of this number, or this kernel not its function"
                                         : "the number is newer than those that are known";
  }
}

/// A number that the kernel's list for tracing gives to no call, in a kernel that keeps one: the function of
/// a call that has a number is not for it. The others only say that their call was not built in.
void Naming::judge_untraced(Syscall& call) {
  for (const auto& function : {call.handler, call.real_handler})
    if (function && known_.contains(name_of(*function)))
      if (const auto none = first_of(kernel_, {"__x64_sys_ni_syscall", "sys_ni_syscall"}))
        call.expected = none->second;
}

void Naming::name(Syscall& call) {
  if (by_x32(call)) return;
  if (table_.abi != SyscallAbi::x32 && by_metadata(call)) return;
  if (by_number(call)) return;
  by_function(call);
  if (table_.abi == SyscallAbi::ia32)
    judge_without_name(call);
  else
    judge_untraced(call);
}

}  // namespace

void name_syscalls(Kernel& kernel, SyscallTable& table) {
  Naming naming(kernel, table);
  for (auto& call : table.entries) naming.name(call);
}

unsigned numbers_at_least(Kernel& kernel, SyscallAbi abi) {
  if (abi != SyscallAbi::ia32 || kernel.identity().bits != 32) return 0;
  for (unsigned end = ia32_syscall_numbers_end(); end > 0; --end)
    if (first_of(kernel, ia32_syscall_symbols(end - 1, kernel.identity().bits))) return end;
  return 0;
}

}  // namespace ringside::guest::linux
