// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <vector>

namespace ringside::guest::linux {

/// The code of the function at `start`: up to the next symbol, at most `most` bytes.
Result<Bytes> read_function(Kernel& kernel, Gva start, std::size_t most);

/// What a function's code refers to, in order and without doubles.
struct FunctionReferences {
  std::vector<Gva> calls;    ///< targets of direct calls, and of jumps out of the function
  std::vector<Gva> indexed;  ///< constant bases of arrays of pointers: `mov table(,%rax,8), ...`
};

/// Reads all of `code`, which stands at `start`, instruction after instruction. Bytes that are none are
/// skipped. Cost is bounded by the size of the code.
Result<FunctionReferences> find_references(ByteView code, Gva start, bool long_mode);

}  // namespace ringside::guest::linux
