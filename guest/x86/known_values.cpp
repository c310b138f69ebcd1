// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/known_values.h"

namespace ringside::guest::x86 {

namespace {

using Kind = Operand::Kind;

std::uint64_t mask(unsigned bytes) {
  return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (bytes * 8)) - 1;
}

std::uint64_t sign_extended(std::uint64_t value, unsigned bits) {
  if (bits >= 64) return value;
  const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
  return (value ^ sign) - sign;
}

bool same_register(const Operand& a, const Operand& b) {
  return a.kind == Kind::reg && b.kind == Kind::reg && a.reg == b.reg && a.reg != Operand::kNone &&
         a.high_byte == b.high_byte && a.size == b.size;
}

bool whole(const Operand& operand) {
  return (operand.size == 4 || operand.size == 8) && !operand.high_byte;
}

}  // namespace

std::optional<std::uint64_t> KnownValues::value(const Operand& operand, unsigned bytes) const {
  if (bytes != 4 && bytes != 8) return std::nullopt;
  // The library gives immediates sign-extended to the size of the operation or further.
  if (operand.kind == Kind::immediate) return operand.value & mask(bytes);
  if (operand.kind != Kind::reg || operand.reg == Operand::kNone || operand.high_byte ||
      operand.size != bytes || !registers_[operand.reg])
    return std::nullopt;
  return *registers_[operand.reg] & mask(bytes);
}

std::optional<std::uint64_t> KnownValues::address(const Operand& operand) const {
  if (operand.kind != Kind::memory || operand.other_base || operand.segment) return std::nullopt;
  std::uint64_t sum = operand.value;
  if (operand.reg != Operand::kNone) {
    if (!registers_[operand.reg]) return std::nullopt;
    sum += *registers_[operand.reg];
  }
  if (operand.index != Operand::kNone) {
    if (!registers_[operand.index]) return std::nullopt;
    sum += *registers_[operand.index] * operand.scale;
  }
  return long_mode_ ? sum : sum & 0xffffffff;
}

/// What the first operand becomes.
std::optional<std::uint64_t> KnownValues::result(const Instruction& instruction) const {
  const auto& [to, from] = instruction.operands;
  switch (instruction.operation) {
    case Operation::move:
      return value(from, to.size);
    case Operation::sign_extend: {
      const auto source = value(from, 4);
      return source ? std::optional(sign_extended(*source, 32)) : std::nullopt;
    }
    case Operation::load_address:
      return address(from);
    case Operation::xor_:
      if (same_register(to, from)) return 0;
      break;
    default:
      break;
  }
  const auto left = value(to, to.size), right = value(from, to.size);
  if (!left || !right) return std::nullopt;
  switch (instruction.operation) {
    case Operation::subtract:
      return *left - *right;
    case Operation::add:
      return *left + *right;
    case Operation::and_:
      return *left & *right;
    case Operation::xor_:
      return *left ^ *right;
    default:
      return std::nullopt;
  }
}

std::optional<KnownValues::Flags> KnownValues::flags_after(const Instruction& instruction) const {
  const auto& [left, right] = instruction.operands;
  if (!whole(left)) return std::nullopt;
  const unsigned bits = left.size * 8u;
  switch (instruction.operation) {
    case Operation::compare:
    case Operation::subtract: {
      const auto a = value(left, left.size), b = value(right, left.size);
      return a && b ? std::optional(Flags{*a, *b, bits}) : std::nullopt;
    }
    case Operation::test: {
      const auto a = value(left, left.size), b = value(right, left.size);
      return a && b ? std::optional(Flags{*a & *b, 0, bits}) : std::nullopt;
    }
    case Operation::and_:
    case Operation::xor_: {
      const auto made = result(instruction);
      return made ? std::optional(Flags{*made & mask(left.size), 0, bits}) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

void KnownValues::apply(const Instruction& instruction) {
  if (instruction.operation == Operation::nop) return;
  const auto flags = flags_after(instruction);
  const Operand& to = instruction.operands[0];
  const bool calculates =
      to.kind == Kind::reg && to.reg != Operand::kNone && whole(to) && instruction.writes == 1u << to.reg;
  const auto made = calculates ? result(instruction) : std::nullopt;
  for (std::uint8_t reg = 0; reg < registers_.size(); ++reg)
    if ((instruction.writes >> reg & 1) != 0) registers_[reg].reset();
  // A 32-bit result clears the upper half (SDM vol. 1, section 3.4.1.1).
  if (made) registers_[to.reg] = *made & mask(to.size);
  if (instruction.writes_flags) flags_ = flags;
}

std::optional<bool> KnownValues::holds(Condition condition) const {
  if (!flags_) return std::nullopt;
  const auto [left, right, bits] = *flags_;
  const auto a = static_cast<std::int64_t>(sign_extended(left, bits)),
             b = static_cast<std::int64_t>(sign_extended(right, bits));
  const bool negative = (((left - right) >> (bits - 1)) & 1) != 0;
  const bool odd = (static_cast<unsigned>(condition) & 1) != 0;  // the odd ones negate the even ones
  switch (static_cast<Condition>(static_cast<unsigned>(condition) & ~1u)) {
    case Condition::below:
      return (left < right) != odd;
    case Condition::equal:
      return (left == right) != odd;
    case Condition::not_above:
      return (left <= right) != odd;
    case Condition::sign:
      return negative != odd;
    case Condition::less:
      return (a < b) != odd;
    case Condition::not_greater:
      return (a <= b) != odd;
    default:
      return std::nullopt;  // overflow and parity: compilers make no switch of them
  }
}

}  // namespace ringside::guest::x86
