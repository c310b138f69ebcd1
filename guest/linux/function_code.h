// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace ringside::guest::linux {

/// The code of the function at `start`: up to the next symbol, at most `most` bytes.
Result<Bytes> read_function(Kernel& kernel, Gva start, std::size_t most);

/// An array of pointers that code takes an element of: `mov table(,%rax,8), ...`.
struct IndexedTable {
  Gva base;
  /// How many elements the code lets through, if it held a number against a limit just before
  /// (`cmp $440, %eax; jae`, or array_index_nospec's `cmp $440, %eax; sbb %edx, %edx`).
  std::optional<std::uint32_t> count;
};

/// What a function's code refers to, in order and without doubles.
struct FunctionReferences {
  std::vector<Gva> calls;             ///< targets of direct calls, and of jumps out of the function
  std::vector<IndexedTable> indexed;  ///< arrays of pointers at constant addresses
};

/// Reads all of `code`, which stands at `start`, instruction after instruction. Bytes that are none are
/// skipped. Cost is bounded by the size of the code.
Result<FunctionReferences> find_references(ByteView code, Gva start, bool long_mode);

}  // namespace ringside::guest::linux
