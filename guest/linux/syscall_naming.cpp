// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscall_naming.h"

#include "guest/linux/syscall_numbers.h"

#include <algorithm>
#include <array>

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
  void by_function(Syscall& call);
  void judge_without_name(Syscall& call);

  Kernel& kernel_;
  SyscallTable& table_;
  std::vector<std::string> traced_;
  unsigned traced_from_ = 0;  ///< the first number that `traced_` speaks of
};

Naming::Naming(Kernel& kernel, SyscallTable& table) : kernel_(kernel), table_(table) {
  if (table.abi == SyscallAbi::ia32) traced_from_ = std::max(kCommonNumbers, ia32_syscall_numbers_end());
  if (table.abi == SyscallAbi::x32 || traced_from_ >= table.entries.size()) return;
  if (auto names = read_syscall_metadata(kernel, static_cast<unsigned>(table.entries.size())))
    traced_ = std::move(*names);
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

void Naming::name(Syscall& call) {
  if (by_metadata(call) || by_number(call)) return;
  by_function(call);
  if (table_.abi == SyscallAbi::ia32) judge_without_name(call);
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
