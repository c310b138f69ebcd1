// SPDX-License-Identifier: Apache-2.0
// What rootkits do to code: bytes overwritten inside of functions and inside of the places that the kernel
// patches itself. Checks of `kernel-code` and `module-code` need a baseline that was taken before.
#include "tests/e2e/support/attack.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

namespace ringside::lab {

namespace {

using guest::Gva;
using policies::Database;
using Pokes = Result<std::vector<Poke>>;

constexpr const char* kSites = "linux-text/patch-sites";

/// The first row of the answer; empty: there is none.
Result<std::vector<policies::Value>> row(Database& db, const std::string& sql) {
  RINGSIDE_TRY(auto answer, db.query(sql));
  return answer.rows.empty() ? std::vector<policies::Value>{} : std::move(answer.rows[0]);
}
std::optional<std::uint64_t> number(const std::vector<policies::Value>& row, std::size_t column) {
  const auto* value = column < row.size() ? std::get_if<std::int64_t>(&row[column]) : nullptr;
  return value == nullptr ? std::nullopt : std::optional(static_cast<std::uint64_t>(*value));
}

/// `opcode` and the way from `at` to `to`.
Bytes branch(std::uint8_t opcode, std::uint64_t at, std::uint64_t to) {
  Bytes bytes(5);
  bytes[0] = static_cast<std::byte>(opcode);
  const auto distance = static_cast<std::uint32_t>(to - at - 5);
  std::memcpy(bytes.data() + 1, &distance, sizeof(distance));
  return bytes;
}

/// A healthy site of the image that `where` selects: its address, and the address of an innocent function.
std::string site(const std::string& where) {
  return "SELECT gva, addr('cmdline_proc_show'), state FROM patch_sites WHERE ok = 1 AND region = "
         "'kernel_text' AND " +
         where + " ORDER BY gva LIMIT 1";
}

/// Makes the site that `where` selects a branch to a function (`offset` bytes into it).
Attack redirect(std::string name, std::string technique, const std::string& where, std::uint8_t opcode,
                std::uint64_t offset = 0) {
  return {std::move(name), std::move(technique), kSites, [=](Database& db) -> Pokes {
            RINGSIDE_TRY(const auto found, row(db, site(where)));
            const auto at = number(found, 0), to = number(found, 1);
            if (!at || !to) return std::vector<Poke>{};
            return std::vector<Poke>{{Gva{*at}, branch(opcode, *at, *to + offset)}};
          }};
}

/// One byte of the site that `where` selects.
Attack one_byte(std::string name, std::string technique, const std::string& where, std::uint64_t offset,
                std::uint8_t value) {
  return {std::move(name), std::move(technique), kSites, [=](Database& db) -> Pokes {
            RINGSIDE_TRY(const auto found, row(db, site(where)));
            const auto at = number(found, 0);
            if (!at) return std::vector<Poke>{};
            return std::vector<Poke>{{Gva{*at + offset}, Bytes{static_cast<std::byte>(value)}}};
          }};
}

/// A jump over code that is in no patch site. `sql` gives where a function may begin and where to jump.
Attack overwrite(std::string name, std::string technique, std::string check, std::string sql) {
  return {std::move(name), std::move(technique), std::move(check), [=](Database& db) -> Pokes {
            RINGSIDE_TRY(const auto found, row(db, sql));
            const auto function = number(found, 0), to = number(found, 1);
            if (!function || !to) return std::vector<Poke>{};
            constexpr std::uint64_t kFirst = 16, kLast = 64;
            for (std::uint64_t at = *function + kFirst; at < *function + kLast; ++at) {
              RINGSIDE_TRY(
                  const auto near,
                  row(db, fmt::format("SELECT count(*) FROM patch_sites WHERE gva BETWEEN {} AND {}",
                                      static_cast<std::int64_t>(at - 8), static_cast<std::int64_t>(at + 5))));
              if (number(near, 0) == 0u) return std::vector<Poke>{{Gva{at}, branch(0xe9, at, *to)}};
            }
            return std::vector<Poke>{};
          }};
}

/// Changes what a static call goes to, in its key and nowhere else.
Attack change_key() {
  return {"point the key of a static call elsewhere", "static_call_update() done by hand, half", kSites,
          [](Database& db) -> Pokes {
            RINGSIDE_TRY(const auto found,
                         row(db, site("kind = 'static_call_trampoline' AND actual LIKE 'e9%' AND "
                                      "state IS NOT NULL")));
            const auto key = number(found, 2), to = number(found, 1);
            if (!key || !to) return std::vector<Poke>{};
            Bytes bytes(sizeof(*to));
            std::memcpy(bytes.data(), &*to, sizeof(*to));
            return std::vector<Poke>{{Gva{*key}, std::move(bytes)}};
          }};
}

}  // namespace

std::vector<Attack> text_attacks() {
  return {
      overwrite("jump out of a function's body", "Reptile (KHOOK), Suterusu: inline hooks",
                "linux-text/kernel-code", "SELECT addr('cmdline_proc_show'), addr('version_proc_show')"),
      overwrite(
          "jump out of a module's function", "inline hook of a module", "linux-text/module-code",
          "SELECT base, base + 0x100 FROM module_regions WHERE kind = 'text' AND size > 0x400 ORDER BY base "
          "LIMIT 1"),
      redirect("take a branch whose key is off", "hiding in a jump label",
               "kind = 'jump_label' AND size = 5 AND actual NOT LIKE 'e9%'", 0xe9),
      one_byte("let a taken branch jump elsewhere", "hiding in a jump label",
               "kind = 'jump_label' AND actual LIKE 'e9%'", 1, 0x11),
      redirect("redirect a static call", "hiding in a static call",
               "kind = 'static_call' AND actual LIKE 'e8%'", 0xe8, 3),
      redirect("redirect a trampoline of static calls", "hiding in a static call",
               "kind = 'static_call_trampoline' AND actual LIKE 'e9%'", 0xe9, 3),
      change_key(),
      redirect("call from a function's entry with its flags untouched", "ftrace hook without ftrace",
               "kind = 'ftrace' AND actual NOT LIKE 'e8%'", 0xe8),
      one_byte("change one byte of a function's entry", "hiding in a ftrace site",
               "kind = 'ftrace' AND actual NOT LIKE 'e8%'", 4, 0x01),
      redirect("redirect the call inside of ftrace's own entry", "hooking ftrace itself",
               "kind = 'ftrace_label' AND actual LIKE 'e8%'", 0xe8, 3),
      one_byte("leave a breakpoint where no probe is", "kprobe without kprobe_table", "kind = 'ftrace'", 0,
               0xcc),
  };
}

}  // namespace ringside::lab
