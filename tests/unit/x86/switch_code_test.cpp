// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/switch_code.h"

#include "guest/x86/known_values.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace ringside::guest::x86 {
namespace {

constexpr Gva kStart{0xffffffff81000000};

/// A function of these instructions, each as hexadecimal bytes.
SwitchCode function(std::initializer_list<std::string_view> instructions, bool long_mode = true,
                    Gpr argument = rsi) {
  Bytes code;
  for (const auto one : instructions) {
    const auto bytes = from_hex(one).value();
    code.insert(code.end(), bytes.begin(), bytes.end());
  }
  auto made = SwitchCode::create(std::move(code), long_mode ? kStart : Gva{0xc1000000}, long_mode, argument);
  EXPECT_TRUE(made);
  return std::move(*made);
}

TEST(SwitchCode, FollowsTheTreeForEachValue) {
  auto code = function({
      "f30f1efa",      // 00 endbr64
      "0f1f440000",    // 04 nopl
      "83fe05",        // 09 cmp $5, %esi
      "740c",          // 0c je 1a
      "7711",          // 0e ja 21
      "85f6",          // 10 test %esi, %esi
      "750d",          // 12 jne 21
      "e9e70f0000",    // 14 jmp 1000
      "cc",            // 19
      "e9e11f0000",    // 1a jmp 2000
      "cccc",          // 1f
      "81fe00010000",  // 21 cmp $0x100, %esi
      "0f84d32f0000",  // 27 je 3000 (a tail call)
      "e8ce3f0000",    // 2d call 4000
      "c3",            // 32
  });
  EXPECT_EQ(code.target(0), kStart + 0x1000);
  EXPECT_EQ(code.target(5), kStart + 0x2000);
  EXPECT_EQ(code.target(0x100), kStart + 0x3000);
  for (const std::uint32_t value : {1u, 4u, 6u, 0xffu, 0x101u, 0xffffffffu})
    EXPECT_EQ(code.target(value), kStart + 0x4000) << value;
}

TEST(SwitchCode, PassesOverTheCallOfFunctionTracingAtTheStart) {
  auto traced = function({"e8fbff0f00", "e9f60f0000"});
  EXPECT_EQ(traced.target(0), kStart + 0x1000);
  auto behind_endbr = function({"660f1f00", "e8f7ff0f00", "e9f20f0000"});
  EXPECT_EQ(behind_endbr.target(0), kStart + 0x1000);
}

TEST(SwitchCode, CopiesAndShiftsOfTheArgumentAreFollowed) {
  auto code = function({
      "89f0",          // 00 mov %esi, %eax
      "8d48fe",        // 02 lea -2(%rax), %ecx
      "83f901",        // 05 cmp $1, %ecx
      "0f86f20f0000",  // 08 jbe 1000
      "e9ed1f0000",    // 0e jmp 2000
  });
  EXPECT_EQ(code.target(2), kStart + 0x1000);
  EXPECT_EQ(code.target(3), kStart + 0x1000);
  EXPECT_EQ(code.target(1), kStart + 0x2000) << "-1 is above, unsigned";
  EXPECT_EQ(code.target(4), kStart + 0x2000);
}

TEST(SwitchCode, TheArgumentOfA32BitKernelIsInEdx) {
  auto code = function(
      {
          "3e8d742600",  // 00 lea %ds:0(%esi), %esi: padding
          "83fa03",      // 05 cmp $3, %edx
          "50",          // 08 push %eax
          "7405",        // 09 je 10
          "e8f01f0000",  // 0b call 2000
          "e8eb0f0000",  // 10 call 1000
      },
      false, rdx);
  EXPECT_EQ(code.target(3), Gva{0xc1001000});
  EXPECT_EQ(code.target(4), Gva{0xc1002000});
}

TEST(SwitchCode, SaysWhatItDoesNotKnow) {
  const auto error_of = [](SwitchCode code) {
    const auto target = code.target(1);
    EXPECT_FALSE(target);
    return target ? Error{} : target.error();
  };
  const auto table = error_of(function({"89f0", "ff24c500000081"}));  // jmp *table(,%rax,8)
  EXPECT_EQ(table.code, Errc::unsupported);
  EXPECT_NE(table.message.find("jmp"), std::string::npos);
  EXPECT_EQ(error_of(function({"8b37", "83fe01", "7400"})).code, Errc::unsupported) << "loaded from memory";
  EXPECT_EQ(error_of(function({"85c0", "7400"})).code, Errc::unsupported) << "another register";
  EXPECT_EQ(error_of(function({"7400"})).code, Errc::unsupported) << "no comparison before";
  EXPECT_EQ(error_of(function({"83fe01", "0fa3c6", "7400"})).code, Errc::unsupported) << "flags of BT";
  EXPECT_EQ(error_of(function({"400fb6f6", "83fe01", "7400"})).code, Errc::unsupported) << "MOVZX";
  EXPECT_EQ(error_of(function({"9090909090", "ffd0"})).code, Errc::unsupported) << "indirect call";
  EXPECT_EQ(error_of(function({"c3"})).code, Errc::not_found);
  EXPECT_EQ(error_of(function({"0f0b"})).code, Errc::not_found);
  EXPECT_EQ(error_of(function({"90"})).code, Errc::malformed) << "runs out of the function";
  EXPECT_EQ(error_of(function({"06"})).code, Errc::malformed);
}

TEST(SwitchCode, EndsInCodeThatGoesInCircles) {
  auto code = function({"ebfe"});
  const auto target = code.target(0);
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, Errc::out_of_bounds);
}

TEST(SwitchCode, RefusesFunctionsWithoutOrWithTooMuchCode) {
  EXPECT_FALSE(SwitchCode::create({}, kStart, true, rsi));
  EXPECT_FALSE(SwitchCode::create(Bytes(SwitchCode::kMaxCode + 1), kStart, true, rsi));
}

/// What CMP or TEST leaves, against the C++ comparison it stands for.
TEST(KnownValues, ConditionsAreThoseOfTheProcessor) {
  auto disassembler = Disassembler::create(true);
  ASSERT_TRUE(disassembler);
  const auto cmp = disassembler->decode(from_hex("39c8").value(), {0});  // cmp %ecx, %eax
  ASSERT_TRUE(cmp);
  for (const std::uint32_t a : {0u, 1u, 5u, 0x7fffffffu, 0x80000000u, 0xffffffffu})
    for (const std::uint32_t b : {0u, 1u, 5u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
      KnownValues known(true);
      known.set(rax, a);
      known.set(rcx, b);
      known.apply(*cmp);
      const auto sa = static_cast<std::int32_t>(a), sb = static_cast<std::int32_t>(b);
      EXPECT_EQ(known.holds(Condition::equal), a == b);
      EXPECT_EQ(known.holds(Condition::not_equal), a != b);
      EXPECT_EQ(known.holds(Condition::below), a < b);
      EXPECT_EQ(known.holds(Condition::not_below), a >= b);
      EXPECT_EQ(known.holds(Condition::above), a > b);
      EXPECT_EQ(known.holds(Condition::not_above), a <= b);
      EXPECT_EQ(known.holds(Condition::less), sa < sb);
      EXPECT_EQ(known.holds(Condition::not_less), sa >= sb);
      EXPECT_EQ(known.holds(Condition::greater), sa > sb);
      EXPECT_EQ(known.holds(Condition::not_greater), sa <= sb);
      EXPECT_EQ(known.holds(Condition::sign), static_cast<std::int32_t>(a - b) < 0);
      EXPECT_EQ(known.holds(Condition::overflow), std::nullopt);
    }
}

TEST(KnownValues, ForgetsWhatItCannotCalculate) {
  auto disassembler = Disassembler::create(true);
  ASSERT_TRUE(disassembler);
  const auto apply = [&](KnownValues& known, std::string_view hex) {
    known.apply(*disassembler->decode(from_hex(hex).value(), {0}));
  };
  KnownValues known(true);
  known.set(rax, 0xffffffffffffffff);
  apply(known, "83e810");  // sub $0x10, %eax
  EXPECT_EQ(known.get(rax), 0xffffffefu) << "a 32-bit result clears the upper half";
  apply(known, "b401");  // mov $1, %ah
  EXPECT_EQ(known.get(rax), std::nullopt);
  known.set(rcx, 3);
  apply(known, "c1e102");  // shl $2, %ecx
  EXPECT_EQ(known.get(rcx), std::nullopt);
  apply(known, "31c9");  // xor %ecx, %ecx
  EXPECT_EQ(known.get(rcx), 0u);
  EXPECT_EQ(known.holds(Condition::equal), true);
  known.set(rdx, 1);
  apply(known, "87d3");  // xchg %edx, %ebx
  EXPECT_EQ(known.get(rdx), std::nullopt);
}

}  // namespace
}  // namespace ringside::guest::x86
