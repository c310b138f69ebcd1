// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscalls.h"

#include "policies/tables/linux/support.h"

#include <fmt/format.h>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
using linux::SyscallAbi;

constexpr std::array kAbis = {SyscallAbi::x64, SyscallAbi::ia32, SyscallAbi::x32};

/// "__x64_sys_read", or "tcp_v4_connect+0x10" where no symbol starts; NULL where the address lies in no
/// function of the kernel image.
Value symbol_cell(linux::Kernel& kernel, SyscallAbi abi, const std::optional<guest::Gva>& function) {
  if (!function) return null_cell();
  if (auto exact = linux::syscall_symbol(kernel, abi, *function); !exact.empty())
    return cell(std::move(exact));
  if (!kernel.identity().text.contains(*function)) return null_cell();
  const auto before = kernel.symbols().at_or_before(function->value, kernel.slide());
  if (!before) return null_cell();
  const auto symbol = kernel.symbols().symbol(*before, kernel.slide());
  return cell(fmt::format("{}+0x{:x}", symbol.name, *function - symbol.address));
}

Value address_cell(const std::optional<guest::Gva>& address) {
  return address ? cell(address->value) : null_cell();
}

/// Whether a call of this number is there at all.
Value implemented(linux::Kernel& kernel, SyscallAbi abi, const linux::Syscall& call) {
  const auto function = call.real_handler ? call.real_handler : call.handler;
  if (!function) return null_cell();
  const auto symbol = linux::syscall_symbol(kernel, abi, *function);
  return cell(!symbol.ends_with("sys_ni_syscall"));
}

bool add(linux::Kernel& kernel, const linux::SyscallTable& table, const linux::Syscall& call, RowSink& sink) {
  const auto abi = table.abi;
  return sink.row(
      {cell(linux::to_string(abi)), cell(call.nr), call.name.empty() ? null_cell() : cell(call.name),
       call.name_from.empty() ? null_cell() : cell(call.name_from), address_cell(call.entry),
       address_cell(call.handler), symbol_cell(kernel, abi, call.handler), address_cell(call.expected),
       cell_or_null(table.dispatch.by_table), address_cell(call.real_handler),
       symbol_cell(kernel, abi, call.real_handler),
       call.real_unknown.empty() ? null_cell() : cell(call.real_unknown), implemented(kernel, abi, call)});
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
    for (const auto& call : table->entries)
      if (request.wants("nr", std::int64_t{call.nr}) && !add(*kernel, *table, call, sink)) return {};
  }
  return {};
}

}  // namespace

Table syscalls_table() {
  return {
      .name = "syscalls",
      .doc = "System calls by ABI and number: what the table holds and what such a call really enters.",
      .columns = {{"abi", ColumnType::text, "x64, ia32 (32-bit programs) or x32"},
                  {"nr", ColumnType::integer, "number of the call; of x32 without bit 30"},
                  {"name", ColumnType::text,
                   "openat, newstat: as its function is called; NULL if none has this number"},
                  {"name_from", ColumnType::text,
                   "what tells the name: metadata (the kernel's list for tracing, made at boot), switch, or "
                   "table (the "
                   "entry itself)"},
                  {"entry", ColumnType::address, "where the table's entry stands; NULL if no table is known",
                   Stability::kept},
                  {"handler", ColumnType::address, "what the table holds"},
                  {"symbol", ColumnType::text, "the kernel's symbol there; NULL outside of the kernel image"},
                  {"expected", ColumnType::address,
                   "where the function of that name stands; NULL if only the table tells the name"},
                  {"dispatched", ColumnType::boolean,
                   "the kernel's entry code goes by this table; no: it goes by a switch and the table serves "
                   "tracing "
                   "alone; NULL: not found out"},
                  {"real_handler", ColumnType::address,
                   "what a call of this number enters; NULL if not known"},
                  {"real_symbol", ColumnType::text,
                   "the kernel's symbol there; NULL outside of the kernel image"},
                  {"real_unknown", ColumnType::text, "why real_handler is not known"},
                  {"implemented", ColumnType::boolean, "no: the number is not in use (sys_ni_syscall)"}},
      .pushdown = {"abi", "nr"},
      .identity = {"abi", "nr"},
      .example = "SELECT abi, nr, name, handler, real_symbol FROM syscalls WHERE real_handler <> expected",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
