// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/linux_macro.h"

#include <vector>

namespace ringside::guest::linux {

/// What a function's code refers to, in order and without doubles.
struct CodeReferences {
  std::vector<Gva> calls;    ///< targets of direct calls, and of jumps out of the function
  std::vector<Gva> indexed;  ///< constant bases of arrays of pointers: `mov table(,%rax,8), ...`
};

/// Reads all of `code`, which stands at `start`, instruction after instruction. Bytes that are none are
/// skipped. Cost is bounded by the size of the code.
Result<CodeReferences> find_references(ByteView code, Gva start, bool long_mode);

}  // namespace ringside::guest::linux
