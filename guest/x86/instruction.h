// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/address.h"
#include "guest/x86/cpu_state.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ringside::guest::x86 {

/// What an instruction does, as far as following code through comparisons needs it.
enum class Operation : std::uint8_t {
  other,  ///< anything else: see Instruction::writes and writes_flags
  nop,    ///< no effect at all (ENDBR and prefixes without effect too)
  compare,
  test,
  move,
  sign_extend,  ///< MOVSXD
  subtract,
  add,
  and_,
  xor_,
  load_address,      ///< LEA
  jump,              ///< unconditional
  conditional_jump,  ///< by Instruction::condition
  call,
  return_,
  stop,  ///< UD2, INT3, HLT: execution does not go on here
};

/// When a conditional jump is taken: the low nibble of its opcode (SDM vol. 2, appendix B, table B-1).
enum class Condition : std::uint8_t {
  overflow,
  not_overflow,
  below,
  not_below,
  equal,
  not_equal,
  not_above,
  above,
  sign,
  not_sign,
  parity,
  not_parity,
  less,
  not_less,
  not_greater,
  greater,
};

struct Operand {
  enum class Kind : std::uint8_t { none, reg, immediate, memory };
  /// A register that is none of the sixteen general ones, or no register.
  static constexpr std::uint8_t kNone = 0xff;

  Kind kind = Kind::none;
  std::uint8_t size = 0;       ///< bytes
  std::uint8_t reg = kNone;    ///< Gpr; of `memory`: the base
  std::uint8_t index = kNone;  ///< of `memory`: Gpr
  std::uint8_t scale = 1;      ///< of `memory`
  bool high_byte = false;      ///< AH, CH, DH or BH
  bool other_base = false;     ///< of `memory`: base or index is a register that is no Gpr (RIP too)
  bool segment = false;        ///< of `memory`: relative to FS or GS
  std::uint64_t value = 0;     ///< immediate or displacement, sign-extended; of a jump or call: the target
};

struct Instruction {
  Gva at;
  std::uint8_t size = 0;  ///< bytes
  Operation operation = Operation::other;
  Condition condition = Condition::equal;
  std::uint16_t writes = 0;   ///< bit n: general register n is written
  bool writes_flags = false;  ///< any of the arithmetic flags
  std::array<Operand, 2> operands;
  /// Where in it, and in how many bytes, stands what is counted from its end: the displacement of a direct
  /// jump or call, or of an operand relative to RIP. 0: it has none.
  std::uint8_t relative_at = 0, relative_size = 0;
  std::string mnemonic;
  Gva next() const { return at + size; }
  /// Where a direct jump or call goes; nullopt for an indirect one and for other instructions.
  std::optional<Gva> target() const;
};

/// Decodes x86 machine code. The one place that knows the disassembler library (Capstone). Not thread-safe.
class Disassembler {
 public:
  /// `unavailable` if the library refuses.
  static Result<Disassembler> create(bool long_mode);
  Disassembler(Disassembler&&) noexcept;
  Disassembler& operator=(Disassembler&&) noexcept;
  ~Disassembler();

  /// The instruction at the start of `code`, which stands at `at`; nullopt if there is no whole valid one.
  std::optional<Instruction> decode(ByteView code, Gva at);

  /// All of `code`, which stands at `at`, for people: "call 0xffffffff81000000; nop". A byte that begins no
  /// whole instruction is written ".byte 0x0f". Bounded by the size of the code.
  std::string text(ByteView code, Gva at);

 private:
  struct Handle;
  explicit Disassembler(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace ringside::guest::x86
