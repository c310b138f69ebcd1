// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/kallsyms.h"

#include <cstdint>
#include <span>

// kallsyms_offsets and kallsyms_relative_base: the addresses of the symbols.
namespace ringside::guest::linux {

/// Turns what stands in kallsyms_offsets into addresses (kallsyms_sym_address() in kernel/kallsyms.c).
struct AddressDecoder {
  KallsymsEncoding encoding{};
  std::uint64_t relative_base = 0;
  std::uint64_t offsets = 0;  ///< GVA of kallsyms_offsets
  std::uint64_t mask = ~std::uint64_t{0};

  static AddressDecoder of(const KallsymsTables& tables, Gva window_start);

  /// Address of symbol `index` where `stored` is offsets[index], of a kernel that was moved by `slide` since
  /// the tables were read.
  std::uint64_t operator()(std::size_t index, std::uint32_t stored, std::uint64_t slide = 0) const {
    const auto extended =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(stored)));
    switch (encoding) {
      case KallsymsEncoding::absolute_percpu:
        return (extended >> 63) == 0 ? extended : (relative_base - 1 - extended + slide) & mask;
      case KallsymsEncoding::base_relative:
        return (relative_base + stored + slide) & mask;
      case KallsymsEncoding::pc_relative:
        return (offsets + 4 * index + extended + slide) & mask;
    }
    return 0;
  }
};

/// Finds offsets, relative_base and the encoding: fills those members of `tables`, in which the rest is
/// known. `functions` as for find_kallsyms(). `not_found` unless addresses rise and functions are met.
Result<void> find_addresses(ByteView window, Gva window_start, std::span<const std::uint64_t> functions,
                            KallsymsTables& tables);

}  // namespace ringside::guest::linux
