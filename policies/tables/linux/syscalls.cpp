// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscalls.h"

#include "guest/linux/symboliser.h"
#include "policies/tables/linux/support.h"

#include <array>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
using guest::Gva;
using linux::SyscallAbi;

constexpr std::array kAbis = {SyscallAbi::x64, SyscallAbi::ia32, SyscallAbi::x32};

Value address_cell(const std::optional<Gva>& address) {
  return address ? cell(address->value) : null_cell();
}

Value text_cell(std::string_view text) {
  return text.empty() ? null_cell() : cell(text);
}

/// Rows of one table.
class Rows {
 public:
  Rows(linux::Kernel& kernel, const linux::SyscallTable& table, RowSink& sink)
      : kernel_(kernel), table_(table), sink_(sink) {}

  bool add(const linux::Syscall& call);

 private:
  Value symbol(const std::optional<Gva>& function);
  Value module(const std::optional<Gva>& function);
  Value implemented(const linux::Syscall& call);

  linux::Kernel& kernel_;
  const linux::SyscallTable& table_;
  RowSink& sink_;
  std::size_t reported_ = 0;
};

/// The symbol of this ABI's function, where several stand at one address.
Value Rows::symbol(const std::optional<Gva>& function) {
  if (!function) return null_cell();
  if (auto exact = linux::syscall_symbol(kernel_, table_.abi, *function); !exact.empty())
    return cell(std::move(exact));
  auto& symboliser = linux::Symboliser::of(kernel_);
  auto name = symboliser.symbol(*function);
  // A name that is not there may be one that could not be read.
  for (; !name && reported_ < symboliser.problems().size(); ++reported_)
    sink_.incomplete(symboliser.problems()[reported_].within("names of handlers"));
  return cell_or_null(name);
}

Value Rows::module(const std::optional<Gva>& function) {
  if (!function || kernel_.identity().text.contains(*function)) return null_cell();
  return text_cell(linux::Symboliser::of(kernel_).module(*function));
}

Value Rows::implemented(const linux::Syscall& call) {
  const auto function = call.real_handler ? call.real_handler : call.handler;
  if (!function) return null_cell();
  return cell(!linux::syscall_symbol(kernel_, table_.abi, *function).ends_with("sys_ni_syscall"));
}

bool Rows::add(const linux::Syscall& call) {
  return sink_.row({cell(linux::to_string(table_.abi)), cell(call.nr), text_cell(call.name),
                    text_cell(call.name_from), implemented(call), address_cell(call.entry),
                    address_cell(call.handler), symbol(call.handler), module(call.handler),
                    address_cell(call.expected), text_cell(call.expected_unknown),
                    cell_or_null(table_.dispatch.by_table), address_cell(call.real_handler),
                    symbol(call.real_handler), module(call.real_handler), text_cell(call.real_unknown)});
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  for (const auto abi : kAbis) {
    if (!request.wants("abi", linux::to_string(abi)) || !linux::has_syscalls(*kernel, abi)) continue;
    const auto table = linux::read_syscalls(*kernel, abi);
    if (!table) {
      sink.incomplete(table.error());
      continue;
    }
    for (const auto& problem : table->problems) sink.incomplete(problem);
    Rows rows(*kernel, *table, sink);
    for (const auto& call : table->entries)
      if (request.wants("nr", std::int64_t{call.nr}) && !rows.add(call)) return {};
  }
  return {};
}

}  // namespace

Table syscalls_table() {
  return {
      .name = "syscalls",
      .doc = "System calls by ABI and number: what the table holds and what such a call really enters.",
      .columns =
          {{"abi", ColumnType::text, "x64, ia32 (32-bit programs) or x32"},
           {"nr", ColumnType::integer, "number of the call; of x32 without bit 30"},
           {"name", ColumnType::text,
            "openat, newstat: as its function is called; NULL if none has this number", Stability::kept},
           {"name_from", ColumnType::text,
            "what tells the name: metadata (the kernel's list for tracing, made at boot), number (which "
            "Linux "
            "gives to one call only: ia32, x32 from 512 on), switch, or table (the entry itself)",
            Stability::kept},
           {"implemented", ColumnType::boolean, "no: the number is not in use (sys_ni_syscall)",
            Stability::kept},
           {"entry", ColumnType::address, "where the table's entry stands; NULL if no table is known",
            Stability::kept},
           {"handler", ColumnType::address, "what the table holds"},
           {"symbol", ColumnType::text, "what stands there, as name+0x1f [module]; NULL if it has no name",
            Stability::live},
           {"module", ColumnType::text, "the module that it lies in; NULL for none", Stability::live},
           {"expected", ColumnType::address,
            "where the function of that name stands (of a call that is not there and enters another "
            "one: sys_ni_syscall); NULL if only the table tells the name",
            Stability::kept},
           {"expected_unknown", ColumnType::text,
            "of an ia32 call that is there: why `expected` is not known", Stability::live},
           {"dispatched", ColumnType::boolean,
            "the kernel's entry code goes by this table; no: it goes by a switch, and the table serves "
            "tracing alone; NULL: not found out"},
           {"real_handler", ColumnType::address, "what a call of this number enters; NULL if not known"},
           {"real_symbol", ColumnType::text, "what stands there", Stability::live},
           {"real_module", ColumnType::text, "the module that it lies in; NULL for none", Stability::live},
           {"real_unknown", ColumnType::text, "why real_handler is not known", Stability::live}},
      .pushdown = {"abi", "nr"},
      .identity = {"abi", "nr"},
      .example = "SELECT abi, nr, name, real_symbol FROM syscalls WHERE real_handler <> expected",
      .in_baseline = true,
      .baseline_where = "handler IS NOT NULL",
      .fill = fill};
}

}  // namespace ringside::policies
