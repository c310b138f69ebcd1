// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/x86/instruction.h"

#include <cstdint>
#include <unordered_map>

namespace ringside::guest::x86 {

/// A function that does one thing for each value of an argument: a `switch` that the compiler made a tree of
/// comparisons. Followed for one value at a time, by calculating with what is known (that argument) and
/// giving up where the way depends on anything else. Bytes of a guest: steps are bounded.
class SwitchCode {
 public:
  /// Longest function that is taken.
  static constexpr std::size_t kMaxCode = 64 * 1024;

  /// `code` stands at `start`; `argument` is the register that holds the value at entry (32 bits of it).
  /// Errors: `invalid_argument` for an empty or too long function, Disassembler::create's.
  static Result<SwitchCode> create(Bytes code, Gva start, bool long_mode, Gpr argument);

  /// Where execution first leaves the function for, by jump or call, with this value. A call at the very
  /// start is passed over: there function tracing has its own (Linux `__fentry__`). Errors: `unsupported`,
  /// which names the instruction whose outcome is not known; `malformed` if the bytes make no sense;
  /// `not_found` if it returns without a call.
  Result<Gva> target(std::uint32_t value);

 private:
  SwitchCode(Bytes code, Gva start, bool long_mode, Gpr argument, Disassembler disassembler);
  const Instruction* at(Gva gva);
  bool inside(Gva gva) const { return start_ <= gva && gva - start_ < code_.size(); }

  Bytes code_;
  Gva start_;
  bool long_mode_;
  Gpr argument_;
  Disassembler disassembler_;
  std::unordered_map<std::uint64_t, Instruction> decoded_;
};

}  // namespace ringside::guest::x86
