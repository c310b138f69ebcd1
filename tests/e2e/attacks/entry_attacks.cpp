// SPDX-License-Identifier: Apache-2.0
// What enters the kernel, changed: gates, segments, stacks, system calls, pinned protections.
#include "tests/e2e/support/attack.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::lab {

namespace {

using guest::Gva;
using policies::Database;

/// The first row of an answer as numbers (NULL: 0); empty: there is no row.
Result<std::vector<std::uint64_t>> numbers(Database& database, const std::string& sql) {
  RINGSIDE_TRY(const auto answer, database.query(sql));
  std::vector<std::uint64_t> row;
  if (answer.rows.empty()) return row;
  for (const auto& cell : answer.rows[0]) {
    const auto* number = std::get_if<std::int64_t>(&cell);
    row.push_back(number == nullptr ? 0 : static_cast<std::uint64_t>(*number));
  }
  return row;
}

Bytes little_endian(std::uint64_t value, unsigned size) {
  Bytes bytes;
  for (unsigned i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
  return bytes;
}

using Pokes = Result<std::vector<Poke>>;

/// Gate `vector` of the first vCPU, changed by `change(bytes)`.
template <class Change>
Pokes change_gate(Database& database, unsigned vector, Change change) {
  RINGSIDE_TRY(const auto row, database.query(fmt::format(
                                   "SELECT gva, raw FROM idt WHERE vcpu = 0 AND vector = {}", vector)));
  if (row.rows.empty()) return std::vector<Poke>{};
  auto bytes = from_hex(std::get<std::string>(row.rows[0][1])).value();
  const Gva gva{static_cast<std::uint64_t>(std::get<std::int64_t>(row.rows[0][0]))};
  if (!change(bytes)) return std::vector<Poke>{};
  return std::vector<Poke>{{gva, std::move(bytes)}};
}

/// A gate's handler (SDM vol. 3A, figure 6-8): bytes 0-1, 6-7 and in 64-bit mode 8-11.
void set_handler(Bytes& gate, std::uint64_t handler) {
  for (const auto& [at, shift] : {std::pair{0u, 0u}, {1u, 8u}, {6u, 16u}, {7u, 24u}})
    gate[at] = static_cast<std::byte>(handler >> shift);
  for (unsigned i = 8; i < 12 && i < gate.size(); ++i)
    gate[i] = static_cast<std::byte>(handler >> (32 + 8 * (i - 8)));
}

Pokes hook_gate(Database& database, unsigned vector, const char* target) {
  RINGSIDE_TRY(const auto row, numbers(database, fmt::format("SELECT {}", target)));
  const std::uint64_t handler = row[0];
  return change_gate(database, vector, [&](Bytes& gate) {
    if (handler != 0) set_handler(gate, handler);
    return handler != 0;
  });
}

/// `size` bytes at `offset` of the first vCPU's task-state segment.
Pokes change_tss(Database& database, unsigned offset, std::uint64_t value) {
  RINGSIDE_TRY(const auto row,
               numbers(database, "SELECT t.gva, k.bits FROM tss AS t, kernel AS k WHERE t.vcpu = 0"));
  if (row.empty() || row[1] != 64) return std::vector<Poke>{};
  return std::vector<Poke>{{Gva{row[0] + offset}, little_endian(value, 8)}};
}

/// The entry of a system call in the table of an ABI; `nr` is a number, or SQL for one.
Pokes hook_call(Database& database, const char* abi, const char* nr, const char* target) {
  RINGSIDE_TRY(const auto row,
               numbers(database, fmt::format("SELECT entry, {}, k.bits / 8 FROM syscalls, kernel AS k "
                                             "WHERE abi = '{}' AND nr = {} AND handler IS NOT NULL",
                                             target, abi, nr)));
  if (row.empty() || row[0] == 0 || row[1] == 0) return std::vector<Poke>{};
  return std::vector<Poke>{{Gva{row[0]}, little_endian(row[1], static_cast<unsigned>(row[2]))}};
}

/// The jump of an ABI's switch that enters getpid, made to enter getppid.
Pokes redirect_dispatch(Database& database, const char* abi) {
  static constexpr const char* kJumps = R"(
    WITH RECURSIVE at(n) AS (VALUES(0) UNION ALL SELECT n + 1 FROM at WHERE n < 24000),
      code(gva, word) AS MATERIALIZED (SELECT addr('{0}_sys_call') + n, read_u64(addr('{0}_sys_call') + n)
                                       FROM at WHERE addr('{0}_sys_call') IS NOT NULL),
      jump(gva, target) AS (
        -- The sign of 32 bits; SQL has no exclusive or.
        SELECT gva, gva + 5 + ((word >> 8) & 0x7fffffff) - ((word >> 8) & 0x80000000) FROM code
        WHERE word & 0xff IN (0xe8, 0xe9))
    SELECT gva, addr('__{0}_sys_getppid') - (gva + 5) FROM jump
    WHERE target IN (addr('__{0}_sys_getpid'), addr('__{0}_sys_getpid') - 9)
      AND symbol(gva) LIKE '{0}\_sys\_call%' ESCAPE '\' LIMIT 1)";
  RINGSIDE_TRY(const auto row, numbers(database, fmt::format(kJumps, abi)));
  if (row.empty()) return std::vector<Poke>{};
  return std::vector<Poke>{{Gva{row[0] + 1}, little_endian(row[1], 4)}};
}

/// A variable of the kernel with some bits more or less.
Pokes change_variable(Database& database, const char* name, std::uint64_t flip, unsigned size) {
  RINGSIDE_TRY(const auto row,
               numbers(database, fmt::format("SELECT addr('{0}'), read_u64(addr('{0}'))", name)));
  if (row[0] == 0) return std::vector<Poke>{};
  return std::vector<Poke>{{Gva{row[0]}, little_endian(row[1] ^ flip, size)}};
}

/// An entry of the first vCPU's GDT.
Pokes change_segment(Database& database, unsigned entry, std::uint64_t descriptor) {
  RINGSIDE_TRY(const auto row, numbers(database, "SELECT gva, bits FROM gdt WHERE vcpu = 0 AND entry = 1"));
  if (row.empty() || row[1] != 64) return std::vector<Poke>{};
  return std::vector<Poke>{{Gva{row[0] + 8 * (entry - 1)}, little_endian(descriptor, 8)}};
}

constexpr const char* kAnyModule = "(SELECT base + 0x100 FROM module_regions WHERE kind = 'text' LIMIT 1)";
constexpr const char* kText = "linux-text/*";  // read-only data and code are its business too

}  // namespace

std::vector<Attack> entry_attacks() {
  const std::vector<std::string> idt{"idt/gates-unchanged", "idt/same-on-all-vcpus"};
  const std::vector<std::string> gdt{"gdt/entries-unchanged"};
  return {
      {"hook the page fault", "gate 14 enters another function of the kernel",
       "linux-entry/interrupt-handlers",
       [](Database& database) { return hook_gate(database, 14, "addr('panic')"); }, idt},
      {"hook the page fault by one byte", "gate 14 enters past the first instruction",
       "linux-entry/interrupt-handlers",
       [](Database& database) { return hook_gate(database, 14, "addr('asm_exc_page_fault') + 3"); }, idt},
      {"hook int3 by a module", "gate 3 enters a module (old kits hook INT 3 and INT 0x80)",
       "linux-entry/interrupt-handlers",
       [](Database& database) { return hook_gate(database, 3, kAnyModule); }, idt},
      {"open a gate to user code",
       "gate 32 gets DPL 3",
       "linux-entry/interrupt-gates",
       [](Database& database) {
         return change_gate(database, 32, [](Bytes& gate) { return gate[5] |= std::byte{0x60}, true; });
       },
       {"idt/gates-unchanged", "idt/user-gates"}},
      {"take the stack of NMIs", "gate 2 loses its interrupt stack", "linux-entry/interrupt-gates",
       [](Database& database) {
         return change_gate(database, 2, [](Bytes& gate) {
           if (gate.size() == 16) gate[4] = std::byte{0};
           return gate.size() == 16;
         });
       },
       idt},
      {"put a call gate into the GDT",
       "entry 7 becomes a way into the kernel for user code",
       "linux-entry/segments",
       [](Database& database) { return change_segment(database, 7, 0x8100ec0000100000); },
       {"gdt/entries-unchanged", "gdt/no-call-gates"}},
      {"give user code the kernel's segment", "the 64-bit kernel code segment gets DPL 3",
       "linux-entry/segments",
       [](Database& database) { return change_segment(database, 2, 0x00affb000000ffff); }, gdt},
      {"move the double fault's stack", "IST 1 of the task-state segment", "linux-entry/entry-stacks",
       [](Database& database) { return change_tss(database, 36, 0xfffffe0000000800); }},
      {"move the entry stack", "RSP0 of the task-state segment", "linux-entry/entry-stacks",
       [](Database& database) { return change_tss(database, 4, 0xfffffe0000000800); }},
      {"hook a system call by a module",
       "Diamorphine: getdents64 of sys_call_table",
       "linux-entry/system-call-table",
       [](Database& database) { return hook_call(database, "x64", "217", kAnyModule); },
       {kText}},
      {"swap two system calls",
       "kill of sys_call_table enters getpid",
       "linux-entry/system-call-table",
       [](Database& database) { return hook_call(database, "x64", "62", "addr('__x64_sys_getpid')"); },
       {kText}},
      {"enter a system call past its start",
       "the entry points into the middle of its own function",
       "linux-entry/system-call-table",
       [](Database& database) { return hook_call(database, "x64", "59", "handler + 4"); },
       {kText}},
      {"redirect the dispatch of a system call",
       "one branch of x64_sys_call enters another function",
       "linux-entry/system-call-dispatch",
       [](Database& database) { return redirect_dispatch(database, "x64"); },
       {kText}},
      {"swap two system calls of 32-bit programs",
       "kill of their table enters getpid",
       "linux-entry/system-call-table",
       [](Database& database) { return hook_call(database, "ia32", "37", "addr('__ia32_sys_getpid')"); },
       {kText}},
      {"hook the highest system call of 32-bit programs",
       "the last entry of their table leads to a module",
       "linux-entry/system-call-table",
       [](Database& database) {
         return hook_call(database, "ia32", "(SELECT max(nr) FROM syscalls WHERE abi = 'ia32')", kAnyModule);
       },
       {kText}},
      {"redirect the dispatch of a system call of 32-bit programs",
       "one branch of ia32_sys_call enters another function",
       "linux-entry/system-call-dispatch",
       [](Database& database) { return redirect_dispatch(database, "ia32"); },
       {kText}},
      {"drop a pinned protection",
       "CR4 lacks a bit that cr4_pinned_bits has",
       "linux-entry/pinned-protections",
       [](Database& database) { return change_variable(database, "cr4_pinned_bits", 1u << 23, 4); },
       {kText}},
      {"switch the pinning of CR4 off",
       "the static key cr_pinning is cleared",
       "linux-entry/pinning-enabled",
       [](Database& database) { return change_variable(database, "cr_pinning", 1, 4); },
       {kText}},
  };
}

}  // namespace ringside::lab
