// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kallsyms.h"

#include "guest/linux/kallsyms_addresses.h"
#include "guest/linux/kallsyms_names.h"
#include "guest/linux/kallsyms_tokens.h"

#include <algorithm>

namespace ringside::guest::linux {
namespace {

/// A real kernel takes some 2 million steps at most.
constexpr std::uint64_t kStepsPerSignature = 16'000'000;

}  // namespace

Result<KallsymsTables> find_kallsyms(ByteView window, Gva window_start, std::size_t signature,
                                     unsigned pointer_size, std::span<const std::uint64_t> functions) {
  if ((pointer_size != 4 && pointer_size != 8) || window_start.value % 8 != 0)
    return fail(Errc::invalid_argument,
                "pointers have 4 or 8 bytes, and the window starts at a multiple of 8");
  RINGSIDE_TRY(const TokenTables tokens, find_tokens(window, signature));
  if (const auto text = read_tokens(window, tokens); !text)
    return fail(Errc::not_found, text.error().message);
  StepBudget budget(kStepsPerSignature);
  RINGSIDE_TRY(const NameTables names, find_names(window, tokens.table, budget));

  KallsymsTables tables;
  tables.count = names.count;
  tables.pointer_size = pointer_size;
  tables.num_syms = names.num_syms;
  tables.names = names.names;
  tables.names_end = names.names_end;
  tables.markers = names.markers;
  tables.token_table = tokens.table;
  tables.token_index = tokens.index;
  RINGSIDE_CHECK(find_addresses(window, window_start, functions, tables));

  tables.first = std::min(tables.num_syms, tables.offsets);
  tables.end = std::max(tables.token_index + kTokenIndexSize, tables.offsets + 4 * std::size_t{tables.count});
  if (tables.encoding != KallsymsEncoding::pc_relative) {
    tables.first = std::min(tables.first, tables.relative_base_at);
    tables.end = std::max(tables.end, tables.relative_base_at + pointer_size);
  }
  return tables;
}

Result<KallsymsTables> find_kallsyms(ByteView window, Gva window_start, unsigned pointer_size,
                                     std::span<const std::uint64_t> functions) {
  Error last{Errc::not_found, "no signature of kallsyms in the kernel image"};
  std::size_t tried = 0;
  for (auto at = find_kallsyms_signature(window); at && tried < kMaxSignatures;
       at = find_kallsyms_signature(window, *at + 1), ++tried) {
    auto tables = find_kallsyms(window, window_start, *at, pointer_size, functions);
    if (tables || tables.error().code != Errc::not_found) return tables;
    last = std::move(tables).error();
  }
  return fail(last.code, tried < 2 ? last.message
                                   : "none of " + std::to_string(tried) +
                                         " signatures is kallsyms; the last: " + last.message);
}

}  // namespace ringside::guest::linux
