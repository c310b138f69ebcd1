// SPDX-License-Identifier: Apache-2.0
// What rootkits do to page tables and executable memory: one entry or one byte each.
#include "guest/x86/paging_format.h"
#include "tests/e2e/support/attack.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

namespace ringside::lab {

namespace {

using guest::Gva;
using policies::Database;
namespace pte = guest::x86::pte;
using Pokes = Result<std::vector<Poke>>;

/// The first cell of the answer as a number; nullopt: no row, or NULL.
Result<std::optional<std::uint64_t>> number(Database& db, const std::string& sql) {
  RINGSIDE_TRY(const auto answer, db.query(sql));
  if (answer.rows.empty() || answer.rows[0].empty()) return std::nullopt;
  const auto* value = std::get_if<std::int64_t>(&answer.rows[0][0]);
  return value == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*value));
}
Result<std::uint64_t> read(Database& db, std::uint64_t gva) {
  RINGSIDE_TRY(const auto value, number(db, fmt::format("SELECT read_u64({:#x})", gva)));
  if (!value) return fail(Errc::not_mapped, fmt::format("nothing can be read at {:#x}", gva));
  return *value;
}
Poke poke(std::uint64_t gva, std::uint64_t value) {
  Bytes bytes(sizeof(value));
  std::memcpy(bytes.data(), &value, sizeof(value));
  return {Gva{gva}, std::move(bytes)};
}

/// The entry that maps an address in the kernel's own page tables.
struct Entry {
  std::uint64_t gva = 0;  ///< where the entry stands, in the direct map
  std::uint64_t value = 0;
  unsigned level = 1;  ///< 1: 4 KiB, 2: 2 MiB
};
constexpr const char* kTop = "SELECT coalesce(addr('init_top_pgt'), addr('swapper_pg_dir'))";
/// `top`: SQL that gives the address of the top table. nullopt: a kernel whose page tables cannot be found by
/// name, or nothing is mapped there.
Result<std::optional<Entry>> entry_of(Database& db, std::uint64_t gva, const std::string& top = kTop) {
  RINGSIDE_TRY(const auto root, number(db, top));
  RINGSIDE_TRY(const auto base,
               number(db, "SELECT coalesce(read_u64(addr('page_offset_base')), 0xc0000000)"));
  // Entries of two levels are smaller: none of these attacks is for such a kernel.
  RINGSIDE_TRY(const auto levels,
               number(db,
                      "SELECT CASE paging WHEN '4-level' THEN 4 WHEN '5-level' THEN 5 WHEN 'pae' THEN 3 END "
                      "FROM vcpus WHERE vcpu = 0"));
  if (!root || !base || !levels) return std::nullopt;
  std::uint64_t table = *root;
  for (auto level = static_cast<unsigned>(*levels);; --level) {
    Entry entry;
    entry.level = level;
    entry.gva = table + 8 * ((gva >> (12 + 9 * (level - 1))) & 511);
    RINGSIDE_TRY(entry.value, read(db, entry.gva));
    if ((entry.value & pte::kPresent) == 0) return std::nullopt;
    if (level == 1 || (level <= 3 && (entry.value & pte::kLarge) != 0)) return entry;
    table = *base + (entry.value & pte::kAddress);
  }
}
/// Changes bits of the entry for `gva`.
Pokes change_bits(Database& db, std::optional<std::uint64_t> gva, std::uint64_t set, std::uint64_t clear) {
  if (!gva) return std::vector<Poke>{};
  RINGSIDE_TRY(const auto entry, entry_of(db, *gva));
  if (!entry) return std::vector<Poke>{};
  return std::vector{poke(entry->gva, (entry->value | set) & ~clear)};
}
/// The same for the address that `sql` gives.
Attack change(std::string name, std::string technique, std::string check, std::string sql, std::uint64_t set,
              std::uint64_t clear) {
  return {std::move(name), std::move(technique), std::move(check), [=](Database& db) -> Pokes {
            RINGSIDE_TRY(const auto gva, number(db, sql));
            return change_bits(db, gva, set, clear);
          }};
}

/// Page `index` of the kernel's log buffer: memory that no check looks at, undone afterwards.
Result<std::optional<std::uint64_t>> spare_page(Database& db, unsigned index) {
  return number(db, fmt::format("SELECT ((addr('__log_buf') + 4095) & ~4095) + {}", index * 4096));
}
Result<std::optional<std::uint64_t>> frame_of(Database& db, std::uint64_t gva) {
  return number(db,
                fmt::format("SELECT gpa + ({0:#x} - gva) FROM page_mappings WHERE half = 'kernel' AND gva <= "
                            "{0:#x} AND gva + size > {0:#x}",
                            gva));
}

/// Shows the kernel another page where its system call table is: a copy, to be changed at leisure. A large
/// page is taken apart for it.
Pokes remap_system_calls(Database& db) {
  RINGSIDE_TRY(const auto table, number(db, "SELECT addr('sys_call_table')"));
  RINGSIDE_TRY(const auto spare, spare_page(db, 0));
  RINGSIDE_TRY(const auto spare_table, spare_page(db, 1));
  if (!table || !spare || !spare_table) return std::vector<Poke>{};
  RINGSIDE_TRY(const auto entry, entry_of(db, *table));
  RINGSIDE_TRY(const auto frame, frame_of(db, *spare));
  RINGSIDE_TRY(const auto table_frame, frame_of(db, *spare_table));
  if (!entry || !frame || !table_frame || entry->level > 2) return std::vector<Poke>{};
  const std::uint64_t page = *table & ~std::uint64_t{4095};
  Bytes copy(4096);
  for (std::uint64_t i = 0; i < 4096; i += 8) {
    RINGSIDE_TRY(const std::uint64_t value, read(db, page + i));
    std::memcpy(copy.data() + i, &value, 8);
  }
  std::vector<Poke> pokes = {{Gva{*spare}, std::move(copy)}};
  if (entry->level == 1) {
    pokes.push_back(poke(entry->gva, (entry->value & ~pte::kAddress) | *frame));
    return pokes;
  }
  const std::uint64_t rights = entry->value & ~(pte::kAddress | pte::kLarge),
                      first = entry->value & pte::kAddress & ~std::uint64_t{0x1fffff};
  Bytes entries(4096);
  for (std::uint64_t i = 0; i < 512; ++i) {
    const std::uint64_t gpa = i == ((*table >> 12) & 511) ? *frame : first + i * 4096;
    const std::uint64_t value = gpa | rights;
    std::memcpy(entries.data() + i * 8, &value, 8);
  }
  pokes.push_back({Gva{*spare_table}, std::move(entries)});
  pokes.push_back(poke(entry->gva, *table_frame | pte::kPresent | pte::kWritable | pte::kAccessed));
  return pokes;
}

/// Leads a page to the spare one.
Pokes move_page(Database& db, const std::string& sql) {
  RINGSIDE_TRY(const auto gva, number(db, sql));
  RINGSIDE_TRY(const auto spare, spare_page(db, 0));
  if (!gva || !spare) return std::vector<Poke>{};
  RINGSIDE_TRY(const auto frame, frame_of(db, *spare));
  RINGSIDE_TRY(const auto entry, entry_of(db, *gva));
  if (!entry || !frame || entry->level != 1) return std::vector<Poke>{};
  return std::vector{poke(entry->gva, (entry->value & ~pte::kAddress) | *frame)};
}

/// Leads a process's page of the vDSO to the spare one.
Pokes move_vdso(Database& db) {
  const std::string process = " FROM process_vdso WHERE executable ORDER BY pid DESC, gva LIMIT 1";
  RINGSIDE_TRY(const auto gva, number(db, "SELECT gva" + process));
  RINGSIDE_TRY(const auto spare, spare_page(db, 0));
  if (!gva || !spare) return std::vector<Poke>{};
  RINGSIDE_TRY(const auto frame, frame_of(db, *spare));
  RINGSIDE_TRY(
      const auto entry,
      entry_of(db, *gva,
               "SELECT read_pointer(mm + (SELECT offset FROM type_members WHERE type = 'mm_struct' AND "
               "member = 'pgd'))" +
                   process));
  if (!entry || !frame || entry->level != 1) return std::vector<Poke>{};
  return std::vector{poke(entry->gva, (entry->value & ~pte::kAddress) | *frame)};
}

/// Has a process's mm name a description of the vDSO that the kernel does not have: a copy of its own.
Pokes forge_vdso(Database& db) {
  RINGSIDE_TRY(
      const auto place,
      number(db,
             "SELECT mm + a.offset + b.offset FROM process_vdso AS v, type_members AS a, type_members AS b "
             "WHERE a.type = 'mm_struct' AND a.member = 'context' AND b.type = 'mm_context_t' AND "
             "b.member = 'vdso_image' ORDER BY v.pid DESC LIMIT 1"));
  RINGSIDE_TRY(const auto spare, spare_page(db, 0));
  if (!place || !spare) return std::vector<Poke>{};
  RINGSIDE_TRY(const auto image, read(db, *place));
  std::vector<Poke> pokes{poke(*place, *spare)};
  for (std::uint64_t offset = 0; offset < 16; offset += 8) {
    RINGSIDE_TRY(const auto value, read(db, image + offset));
    pokes.push_back(poke(*spare + offset, value));
  }
  return pokes;
}

/// One bit of the image that all processes share.
Pokes change_vdso(Database& db) {
  RINGSIDE_TRY(const auto code, number(db, "SELECT data + 2048 FROM vdso_images LIMIT 1"));
  if (!code) return std::vector<Poke>{};
  RINGSIDE_TRY(const auto now, read(db, *code));
  return std::vector{poke(*code, now ^ 0x10)};
}

/// Gives the address space for patching text a kernel half of its own.
Pokes own_kernel_half(Database& db) {
  RINGSIDE_TRY(const auto pgd, number(db,
                                      "SELECT read_pointer(read_pointer(coalesce(addr('poking_mm'), "
                                      "addr('text_poke_mm'))) + offset) FROM type_members WHERE type = "
                                      "'mm_struct' AND member = 'pgd'"));
  RINGSIDE_TRY(const auto spare, spare_page(db, 0));
  if (!pgd || !spare) return std::vector<Poke>{};
  RINGSIDE_TRY(const auto frame, frame_of(db, *spare));
  RINGSIDE_TRY(
      const auto last,
      number(db, "SELECT CASE paging WHEN 'pae' THEN 3 WHEN '2-level' THEN NULL ELSE 511 END FROM vcpus"));
  if (!frame || !last) return std::vector<Poke>{};
  return std::vector{poke(*pgd + 8 * *last, *frame | pte::kPresent | pte::kWritable)};
}

Pokes map_user_half(Database& db) {
  RINGSIDE_TRY(const auto root, number(db, "SELECT addr('init_top_pgt')"));
  RINGSIDE_TRY(const auto spare, spare_page(db, 0));
  if (!root || !spare) return std::vector<Poke>{};
  RINGSIDE_TRY(const auto frame, frame_of(db, *spare));
  if (!frame) return std::vector<Poke>{};
  return std::vector{poke(*root + 8 * 100, *frame | pte::kPresent | pte::kWritable)};
}

/// Code at the end of an executable area, where spare bytes are.
Attack write_code(std::string name, std::string technique, std::string sql) {
  return {std::move(name), std::move(technique), "linux-executable-pages/foreign-code",
          [=](Database& db) -> Pokes {
            RINGSIDE_TRY(const auto at, number(db, sql));
            if (!at) return std::vector<Poke>{};
            return std::vector{poke(*at, 0xccccccccccccc390)};
          }};
}

}  // namespace

std::vector<Attack> pages_attacks() {
  const std::string tables = "linux-page-tables/", code = "linux-executable-pages/";
  const std::string data_page =
      "SELECT start FROM vmalloc_areas WHERE kind = 'vmalloc' AND pages > 0 AND region = 'kernel_text' AND "
      "start "
      "IN (SELECT gva FROM page_mappings WHERE half = 'kernel' AND writable AND NOT executable) LIMIT 1";
  const std::string module_text =
      "SELECT module_regions.base FROM module_regions JOIN modules ON modules.gva = module_regions.gva WHERE "
      "kind = 'text' "
      "AND "
      "state = 'live' ORDER BY 1 DESC LIMIT 1";
  const auto alias = [](const std::string& symbol) {
    return "SELECT gva + (gpa_of - gpa) FROM (SELECT gva, gpa, size, (SELECT gpa + (addr('" + symbol +
           "') - gva) FROM page_mappings WHERE half = 'kernel' AND gva <= addr('" + symbol +
           "') AND gva + size > addr('" + symbol +
           "')) AS gpa_of FROM page_mappings WHERE half = 'kernel' AND region = 'direct_map') WHERE gpa <= "
           "gpa_of AND gpa + size > gpa_of LIMIT 1";
  };
  return {
      change("make text writable", "update_mapping_prot, set_memory_rw before an inline hook",
             tables + "writable-code", "SELECT addr('_stext')", pte::kWritable, 0),
      change("make an alias of text writable", "writes through the direct map", tables + "writable-code",
             alias("_stext"), pte::kWritable, 0),
      change("make an alias of read-only data writable", "writes to sys_call_table through the direct map",
             tables + "writable-rodata", alias("sys_call_table"), pte::kWritable, 0),
      change("make the IDT writable", "hooks of gates", tables + "writable-idt",
             "SELECT value FROM registers WHERE name = 'idtr.base' LIMIT 1", pte::kWritable, 0),
      change("make data executable", "set_memory_x on a buffer", code + "writable-executable",
             "SELECT addr('init_task')", 0, pte::kNoExecute),
      change("run code in a vmalloc area", "hidden code in memory that no module has", code + "hidden-code",
             data_page, 0, pte::kNoExecute | pte::kWritable),
      change("let user mode into a page", "a page of the kernel that a process can read or write",
             tables + "user-page", "SELECT addr('linux_banner')", pte::kUser, 0),
      {"remap the system call table", "a copy of sys_call_table behind its address", tables + "image-moved",
       remap_system_calls},
      {"remap code of a module", "other text behind a module's addresses", tables + "code-moved",
       [=](Database& db) { return move_page(db, module_text); }},
      {"remap the real-mode page", "code that other CPUs start in", code + "foreign-code",
       [](Database& db) {
         return move_page(db, "SELECT first FROM executable_pages WHERE owner = 'real_mode' LIMIT 1");
       }},
      {"give an address space a kernel of its own", "hooks that one process alone sees",
       tables + "own-kernel-half", own_kernel_half},
      {"map user addresses in the kernel's page tables", "code in the user half", tables + "user-half",
       map_user_half},
      {"give a process other code in its vDSO", "code in a process that no file holds", "linux-vdso/code",
       move_vdso},
      {"give a process a vDSO that the kernel does not have", "a forged vdso_image", "linux-vdso/image",
       forge_vdso},
      {"change the vDSO of all processes", "code in every program that asks for the time",
       "linux-vdso/images-unchanged", change_vdso},
      write_code(
          "hide code in spare memory of BPF", "foreign code in a pack of BPF programs",
          "SELECT first + size - 16 FROM executable_pages WHERE owner = 'bpf_pack' ORDER BY first DESC "
          "LIMIT 1"),
      write_code("change a trampoline of ftrace", "a hook inside the trampoline",
                 "SELECT first FROM executable_pages WHERE owner = 'ftrace_trampoline' LIMIT 1"),
  };
}

}  // namespace ringside::lab
