// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The tests' own reading of QEMU's HMP output. It shares no code with ringside's parsers.
namespace ringside::lab {

/// A line of `info tlb`: one leaf entry (QEMU target/i386/monitor.c, print_pte).
struct TlbLine {
  std::uint64_t gva = 0, entry = 0;  ///< `entry` as printed: address bits, in PAE also the NX bit
  std::string flags;                 ///< XGPDACTUW of the leaf alone
};
std::vector<TlbLine> parse_info_tlb(const std::string& text);

/// A line of `info mem`: a run of pages with equal rights, combined over the levels (mem_print).
struct MemLine {
  std::uint64_t start = 0, size = 0;
  bool user = false, writable = false;
  bool operator==(const MemLine&) const = default;
};
std::vector<MemLine> parse_info_mem(const std::string& text);

/// The answer to `gva2gpa`; nullopt: "Unmapped".
std::optional<std::uint64_t> parse_gva2gpa(const std::string& text);

/// The bytes in the answer to `xp /NNbx ADDRESS` or `x /NNbx ADDRESS`.
std::vector<std::uint8_t> parse_byte_dump(const std::string& text);

/// The hexadecimal number after `name` and "=" in `info registers`; `nth` takes a later number of that line.
/// Throws std::runtime_error if there is none.
std::uint64_t register_field(const std::string& text, const std::string& name, unsigned nth = 0);

}  // namespace ringside::lab
