// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/instruction.h"

#include <gtest/gtest.h>

namespace ringside::guest::x86 {
namespace {

Instruction decoded(std::string_view hex, bool long_mode = true, Gva at = {0xffffffff81000000}) {
  auto disassembler = Disassembler::create(long_mode);
  EXPECT_TRUE(disassembler);
  const auto bytes = from_hex(hex).value();
  const auto instruction = disassembler->decode(bytes, at);
  EXPECT_TRUE(instruction) << hex;
  return instruction.value_or(Instruction{});
}

TEST(Instruction, ReadsComparisonsWithRegisterAndImmediate) {
  for (const char* hex : {"81feb0000000", "83fe56"}) {
    const auto cmp = decoded(hex);
    EXPECT_EQ(cmp.operation, Operation::compare) << hex;
    EXPECT_EQ(cmp.size, from_hex(hex)->size());
    EXPECT_EQ(cmp.operands[0].reg, rsi);
    EXPECT_EQ(cmp.operands[0].size, 4);
    EXPECT_EQ(cmp.operands[1].kind, Operand::Kind::immediate);
    EXPECT_EQ(cmp.operands[1].value, hex[1] == '1' ? 0xb0u : 0x56u);
    EXPECT_TRUE(cmp.writes_flags);
    EXPECT_EQ(cmp.writes, 0);
  }
}

TEST(Instruction, GivesTheTargetsOfDirectJumpsAndCalls) {
  const auto je = decoded("0f84430c0000", true, {0xffffffff9680332b});
  EXPECT_EQ(je.operation, Operation::conditional_jump);
  EXPECT_EQ(je.condition, Condition::equal);
  EXPECT_EQ(je.target(), Gva{0xffffffff96803f74});
  EXPECT_EQ(decoded("777a").condition, Condition::above);
  EXPECT_EQ(decoded("0f86e9040000").condition, Condition::not_above);
  const auto call = decoded("e8fbffffff", true, {0x1000});
  EXPECT_EQ(call.operation, Operation::call);
  EXPECT_EQ(call.target(), Gva{0x1000});
  EXPECT_EQ(decoded("eb00", true, {0x1000}).target(), Gva{0x1002});
  EXPECT_EQ(decoded("ffe0").operation, Operation::jump);
  EXPECT_EQ(decoded("ffe0").target(), std::nullopt) << "indirect";
  EXPECT_EQ(decoded("81fe00000000").target(), std::nullopt) << "no jump";
}

TEST(Instruction, TargetsOf32BitCodeWrapAt32Bits) {
  EXPECT_EQ(decoded("e9fbffffff", false, {0xc1000000}).target(), Gva{0xc1000000});
  EXPECT_EQ(decoded("e9f0ffffff", false, {0x5}).target(), Gva{0xfffffffa});
}

TEST(Instruction, ReadsMemoryOperands) {
  const auto load = decoded("488b04c5e002808c");  // mov -0x737ffd20(,%rax,8), %rax
  EXPECT_EQ(load.operation, Operation::move);
  const auto& memory = load.operands[1];
  EXPECT_EQ(memory.kind, Operand::Kind::memory);
  EXPECT_EQ(memory.reg, Operand::kNone);
  EXPECT_EQ(memory.index, rax);
  EXPECT_EQ(memory.scale, 8);
  EXPECT_EQ(memory.value, 0xffffffff8c8002e0);
  EXPECT_FALSE(memory.other_base);
  EXPECT_EQ(load.writes, 1u << rax);
  EXPECT_TRUE(decoded("8b05fe78f252").operands[1].other_base) << "relative to RIP";
  EXPECT_TRUE(decoded("65488b05fe78f252").operands[1].segment) << "relative to GS";
}

TEST(Instruction, KnowsWhatIsWritten) {
  EXPECT_EQ(decoded("89fe").writes, 1u << rsi);
  EXPECT_EQ(decoded("4101fe").writes, 1u << r14);
  EXPECT_TRUE(decoded("4101fe").writes_flags);
  EXPECT_FALSE(decoded("8d7701").writes_flags) << "LEA";
  EXPECT_NE(decoded("f7e1").writes & (1u << rdx), 0) << "MUL writes RDX";
  EXPECT_NE(decoded("b401").writes & (1u << rax), 0) << "AH is part of RAX";
  EXPECT_TRUE(decoded("b401").operands[0].high_byte);
}

TEST(Instruction, TellsPaddingFromWork) {
  for (const char* hex : {"90", "f30f1efa", "660f1f00", "0f1f440000", "6666666690"})
    EXPECT_EQ(decoded(hex).operation, Operation::nop) << hex;
  EXPECT_EQ(decoded("c3").operation, Operation::return_);
  EXPECT_EQ(decoded("cc").operation, Operation::stop);
  EXPECT_EQ(decoded("0f0b").operation, Operation::stop);
  EXPECT_EQ(decoded("55").operation, Operation::other);
}

TEST(Instruction, GivesNothingForBytesThatAreCutOrNone) {
  auto disassembler = Disassembler::create(true);
  ASSERT_TRUE(disassembler);
  EXPECT_FALSE(disassembler->decode({}, {0}));
  EXPECT_FALSE(disassembler->decode(from_hex("81feb000").value(), {0}));
  EXPECT_FALSE(disassembler->decode(from_hex("06").value(), {0}));
}

}  // namespace
}  // namespace ringside::guest::x86
