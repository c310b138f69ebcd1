// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/instruction.h"

#include <capstone/capstone.h>

#include <algorithm>

namespace ringside::guest::x86 {

namespace {

struct Register {
  std::uint8_t number = Operand::kNone;
  bool high_byte = false;
};

/// Capstone numbers registers by name; this is the hardware's own numbering.
Register general(unsigned reg) {
  struct Names {
    x86_reg r64, r32, r16, r8;
  };
  static constexpr std::array<Names, 16> kNames = {{
      {X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL},
      {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL},
      {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL},
      {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL},
      {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL},
      {X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL},
      {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
      {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL},
      {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B},
      {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B},
      {X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B},
      {X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B},
      {X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B},
      {X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B},
      {X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B},
      {X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B},
  }};
  for (std::uint8_t i = 0; i < kNames.size(); ++i)
    if (reg == kNames[i].r64 || reg == kNames[i].r32 || reg == kNames[i].r16 || reg == kNames[i].r8)
      return {i, false};
  switch (reg) {
    case X86_REG_AH:
      return {rax, true};
    case X86_REG_CH:
      return {rcx, true};
    case X86_REG_DH:
      return {rdx, true};
    case X86_REG_BH:
      return {rbx, true};
    default:
      return {};
  }
}

/// EIZ and RIZ are how the library writes that there is no index.
bool is_nothing(unsigned reg) {
  return reg == X86_REG_INVALID || reg == X86_REG_EIZ || reg == X86_REG_RIZ;
}

Operation operation_of(unsigned id) {
  switch (id) {
    case X86_INS_NOP:
    case X86_INS_ENDBR64:
    case X86_INS_ENDBR32:
    case X86_INS_LFENCE:
      return Operation::nop;
    case X86_INS_CMP:
      return Operation::compare;
    case X86_INS_TEST:
      return Operation::test;
    case X86_INS_MOV:
    case X86_INS_MOVABS:
      return Operation::move;
    case X86_INS_MOVSXD:
      return Operation::sign_extend;
    case X86_INS_SUB:
      return Operation::subtract;
    case X86_INS_ADD:
      return Operation::add;
    case X86_INS_AND:
      return Operation::and_;
    case X86_INS_XOR:
      return Operation::xor_;
    case X86_INS_LEA:
      return Operation::load_address;
    case X86_INS_JMP:
      return Operation::jump;
    case X86_INS_CALL:
      return Operation::call;
    case X86_INS_RET:
    case X86_INS_IRET:
    case X86_INS_IRETD:
    case X86_INS_IRETQ:
    case X86_INS_SYSRET:
    case X86_INS_SYSEXIT:
      return Operation::return_;
    case X86_INS_UD2:
    case X86_INS_INT3:
    case X86_INS_HLT:
      return Operation::stop;
    default:
      return Operation::other;
  }
}

/// Jcc by its opcode: 70+cc, or 0F 80+cc.
std::optional<Condition> condition_of(const cs_x86& detail) {
  const std::uint8_t one = detail.opcode[0], two = detail.opcode[1];
  if ((one & 0xf0) == 0x70) return static_cast<Condition>(one & 0x0f);
  if (one == 0x0f && (two & 0xf0) == 0x80) return static_cast<Condition>(two & 0x0f);
  return std::nullopt;
}

Operand operand_of(const cs_x86_op& from) {
  Operand operand;
  operand.size = from.size;
  switch (from.type) {
    case X86_OP_REG: {
      const auto reg = general(from.reg);
      operand.kind = Operand::Kind::reg;
      operand.reg = reg.number;
      operand.high_byte = reg.high_byte;
      break;
    }
    case X86_OP_IMM:
      operand.kind = Operand::Kind::immediate;
      operand.value = static_cast<std::uint64_t>(from.imm);
      break;
    case X86_OP_MEM:
      operand.kind = Operand::Kind::memory;
      operand.reg = general(from.mem.base).number;
      operand.index = general(from.mem.index).number;
      operand.scale = static_cast<std::uint8_t>(from.mem.scale);
      operand.other_base = (!is_nothing(from.mem.base) && operand.reg == Operand::kNone) ||
                           (!is_nothing(from.mem.index) && operand.index == Operand::kNone);
      operand.segment = from.mem.segment == X86_REG_FS || from.mem.segment == X86_REG_GS;
      operand.value = static_cast<std::uint64_t>(from.mem.disp);
      break;
    default:
      break;
  }
  return operand;
}

/// See Instruction::relative_at.
void take_relative(const cs_x86& detail, Instruction& out) {
  if (out.target()) {
    // It ends the instruction: one byte of EB, 70 to 7F and E0 to E3, else four (with prefix 66 two, which no
    // kernel uses).
    const std::uint8_t one = detail.opcode[0];
    const bool near = one == 0xeb || (one & 0xf0) == 0x70 || (one & 0xfc) == 0xe0;
    out.relative_size = near ? 1 : 4;
    out.relative_at = static_cast<std::uint8_t>(out.size - out.relative_size);
    return;
  }
  for (std::uint8_t i = 0; i < detail.op_count; ++i) {
    if (detail.operands[i].type != X86_OP_MEM || detail.operands[i].mem.base != X86_REG_RIP) continue;
    out.relative_at = detail.encoding.disp_offset;
    out.relative_size = detail.encoding.disp_size;
  }
}

}  // namespace

std::optional<Gva> Instruction::target() const {
  const bool transfers = operation == Operation::jump || operation == Operation::conditional_jump ||
                         operation == Operation::call;
  if (!transfers || operands[0].kind != Operand::Kind::immediate) return std::nullopt;
  return Gva{operands[0].value};
}

struct Disassembler::Handle {
  csh library = 0;
  cs_insn* scratch = nullptr;
  bool long_mode = true;
  ~Handle() {
    if (scratch != nullptr) cs_free(scratch, 1);
    if (library != 0) cs_close(&library);
  }
};

Disassembler::Disassembler(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Disassembler::Disassembler(Disassembler&&) noexcept = default;
Disassembler& Disassembler::operator=(Disassembler&&) noexcept = default;
Disassembler::~Disassembler() = default;

Result<Disassembler> Disassembler::create(bool long_mode) {
  auto handle = std::make_unique<Handle>();
  handle->long_mode = long_mode;
  const bool opened =
      cs_open(CS_ARCH_X86, long_mode ? CS_MODE_64 : CS_MODE_32, &handle->library) == CS_ERR_OK &&
      cs_option(handle->library, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK;
  if (opened) handle->scratch = cs_malloc(handle->library);
  if (handle->scratch == nullptr) return fail(Errc::unavailable, "the disassembler library cannot be used");
  return Disassembler(std::move(handle));
}

std::optional<Instruction> Disassembler::decode(ByteView code, Gva at) {
  constexpr std::size_t kLongest = 15;  // SDM vol. 2, section 2.3.11
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(code.data());
  std::size_t left = std::min(code.size(), kLongest);
  std::uint64_t address = at.value;
  if (!cs_disasm_iter(handle_->library, &bytes, &left, &address, handle_->scratch)) return std::nullopt;
  const cs_insn& from = *handle_->scratch;
  const cs_x86& detail = from.detail->x86;
  Instruction out;
  out.at = at;
  out.size = static_cast<std::uint8_t>(from.size);
  out.operation = operation_of(from.id);
  out.mnemonic = from.mnemonic;
  for (std::size_t i = 0; i < out.operands.size() && i < detail.op_count; ++i)
    out.operands[i] = operand_of(detail.operands[i]);
  if (const auto condition = condition_of(detail);
      condition && cs_insn_group(handle_->library, &from, X86_GRP_JUMP)) {
    out.operation = Operation::conditional_jump;
    out.condition = *condition;
  }
  // The library gives targets of 32-bit code as 64-bit sums.
  if (!handle_->long_mode && out.target()) out.operands[0].value &= 0xffffffff;
  take_relative(detail, out);
  if (out.operation == Operation::nop) return out;
  cs_regs read, written;
  std::uint8_t reads = 0, writes = 0;
  if (cs_regs_access(handle_->library, &from, read, &reads, written, &writes) != CS_ERR_OK) {
    out.writes = 0xffff;
    out.writes_flags = true;
    return out;
  }
  for (std::uint8_t i = 0; i < writes; ++i) {
    if (const auto reg = general(written[i]); reg.number != Operand::kNone)
      out.writes = static_cast<std::uint16_t>(out.writes | 1u << reg.number);
    if (written[i] == X86_REG_EFLAGS) out.writes_flags = true;
  }
  return out;
}

std::string Disassembler::text(ByteView code, Gva at) {
  std::string out;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(code.data());
  std::size_t left = code.size();
  std::uint64_t address = at.value;
  while (left > 0) {
    if (!out.empty()) out += "; ";
    if (cs_disasm_iter(handle_->library, &bytes, &left, &address, handle_->scratch)) {
      out += handle_->scratch->mnemonic;
      if (handle_->scratch->op_str[0] != '\0') out += std::string(" ") + handle_->scratch->op_str;
      continue;
    }
    out += ".byte 0x" + to_hex(ByteView(reinterpret_cast<const std::byte*>(bytes), 1));
    ++bytes;
    --left;
    ++address;
  }
  return out;
}

}  // namespace ringside::guest::x86
