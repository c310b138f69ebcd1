// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/x86/instruction.h"

#include <array>
#include <cstdint>
#include <optional>

namespace ringside::guest::x86 {

/// Registers and flags as far as they are known while code is followed. What an instruction makes of them is
/// either calculated exactly or forgotten, so that what is known is true.
class KnownValues {
 public:
  explicit KnownValues(bool long_mode) : long_mode_(long_mode) {}

  void set(Gpr reg, std::uint64_t value) { registers_[reg] = value; }
  std::optional<std::uint64_t> get(Gpr reg) const { return registers_[reg]; }

  /// The effect of an instruction that is neither jump, call nor return.
  void apply(const Instruction& instruction);
  /// Whether `condition` holds; nullopt: not known.
  std::optional<bool> holds(Condition condition) const;

 private:
  /// The flags are what comparing these two leaves (SDM vol. 2, CMP): TEST, AND and SUB leave what comparing
  /// their result with zero, or their operands, does.
  struct Flags {
    std::uint64_t left, right;
    unsigned bits;
  };
  /// The lower 4 or 8 bytes of a register or immediate.
  std::optional<std::uint64_t> value(const Operand& operand, unsigned bytes) const;
  std::optional<std::uint64_t> address(const Operand& operand) const;
  std::optional<std::uint64_t> result(const Instruction& instruction) const;
  std::optional<Flags> flags_after(const Instruction& instruction) const;

  bool long_mode_;
  std::array<std::optional<std::uint64_t>, 16> registers_;
  std::optional<Flags> flags_;
};

}  // namespace ringside::guest::x86
