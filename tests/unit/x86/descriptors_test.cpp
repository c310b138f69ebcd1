// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/descriptors.h"

#include <gtest/gtest.h>

#include <string>

namespace ringside::guest::x86 {
namespace {

Bytes little_endian(std::initializer_list<std::uint64_t> qwords) {
  Bytes bytes;
  for (std::uint64_t q : qwords)
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<std::byte>(q >> (8 * i)));
  return bytes;
}

// The GDT of a 64-bit Linux kernel (arch/x86/kernel/cpu/common.c, gdt_page).
TEST(DecodeSegment, ReadsLinuxKernelSegments) {
  const auto kernel32 = decode_segment(little_endian({0x00cf9b000000ffff}), 1, true);
  EXPECT_EQ(kernel32.type, DescriptorType::code);
  EXPECT_EQ(kernel32.size, 8u);
  EXPECT_EQ(kernel32.base, 0u);
  EXPECT_EQ(kernel32.limit, 0xffffffffu);
  EXPECT_TRUE(kernel32.present && kernel32.accessed && kernel32.writable_or_readable && kernel32.default_big);
  EXPECT_FALSE(kernel32.long_code);
  EXPECT_FALSE(kernel32.conforming_or_down);
  EXPECT_EQ(kernel32.dpl, 0u);

  const auto kernel64 = decode_segment(little_endian({0x00af9b000000ffff}), 2, true);
  EXPECT_EQ(kernel64.type, DescriptorType::code);
  EXPECT_TRUE(kernel64.long_code);
  EXPECT_FALSE(kernel64.default_big);

  const auto user_data = decode_segment(little_endian({0x00cff3000000ffff}), 5, true);
  EXPECT_EQ(user_data.type, DescriptorType::data);
  EXPECT_EQ(user_data.dpl, 3u);
  EXPECT_TRUE(user_data.writable_or_readable);

  const auto cpu_number = decode_segment(little_endian({0x0040f50000000001}), 15, true);
  EXPECT_EQ(cpu_number.type, DescriptorType::data);
  EXPECT_EQ(cpu_number.limit, 1u);
  EXPECT_TRUE(cpu_number.conforming_or_down);  // expand-down
  EXPECT_FALSE(cpu_number.writable_or_readable);
}

TEST(DecodeSegment, ReadsBaseAndLimitFromTheirScatteredBits) {
  const auto d = decode_segment(little_endian({0x12f5d3456789abcd}), 3, false);
  EXPECT_EQ(d.base, 0x12456789u);
  EXPECT_EQ(d.limit, (0x5abcdu << 12) | 0xfff);
  EXPECT_EQ(d.dpl, 2u);
  EXPECT_TRUE(d.present);
}

// TSS at 0xfffffe0000003000, limit 0x4087: CPU 0 of Linux 6.1.
TEST(DecodeSegment, ReadsA64BitTssDescriptor) {
  const Bytes bytes = little_endian({0x00008b0030004087, 0x00000000fffffe00});
  const auto d = decode_segment(bytes, 8, true);
  EXPECT_EQ(d.type, DescriptorType::tss_busy);
  EXPECT_EQ(d.size, 16u);
  EXPECT_EQ(d.base, 0xfffffe0000003000u);
  EXPECT_EQ(d.limit, 0x4087u);
  EXPECT_EQ(to_hex(d.raw_bytes()), to_hex(bytes));

  const auto short_one = decode_segment(ByteView(bytes).first(8), 8, true);
  EXPECT_EQ(short_one.base, 0x3000u);
  const auto in_32_bit = decode_segment(bytes, 8, false);
  EXPECT_EQ(in_32_bit.size, 8u);
  EXPECT_EQ(in_32_bit.base, 0x3000u);
}

TEST(DecodeSegment, ReadsCallAndTaskGates) {
  const auto gate32 = decode_segment(little_endian({0xc012ec0000083456}), 6, false);
  EXPECT_EQ(gate32.type, DescriptorType::call_gate);
  EXPECT_EQ(gate32.gate_selector, 8u);
  EXPECT_EQ(gate32.gate_offset, 0xc0123456u);
  EXPECT_EQ(gate32.dpl, 3u);
  const auto gate64 = decode_segment(little_endian({0x8123ec0000104567, 0xffffffff}), 6, true);
  EXPECT_EQ(gate64.type, DescriptorType::call_gate);
  EXPECT_EQ(gate64.gate_offset, 0xffffffff81234567u);
  EXPECT_EQ(gate64.gate_selector, 0x10u);
  const auto task = decode_segment(little_endian({0x0000850000f80000}), 7, false);
  EXPECT_EQ(task.type, DescriptorType::task_gate);
  EXPECT_EQ(task.gate_selector, 0xf8u);
  EXPECT_EQ(decode_segment(little_endian({0x0000850000f80000}), 7, true).type, DescriptorType::reserved);
}

TEST(DecodeSegment, TellsNullFromReserved) {
  EXPECT_EQ(decode_segment(little_endian({0}), 0, true).type, DescriptorType::null);
  EXPECT_EQ(decode_segment(little_endian({1}), 0, true).type, DescriptorType::reserved);
  EXPECT_EQ(decode_segment({}, 0, true).type, DescriptorType::null);
}

// Linux 6.1, vector 14 (asm_exc_page_fault) and vector 3 (DPL 3).
TEST(DecodeGate, Reads64BitGates) {
  const auto page_fault = decode_gate(little_endian({0x81e08e0000100b70, 0x00000000ffffffff}), 14, true);
  EXPECT_EQ(page_fault.type, DescriptorType::interrupt_gate);
  EXPECT_EQ(page_fault.handler, 0xffffffff81e00b70u);
  EXPECT_EQ(page_fault.selector, 0x10u);
  EXPECT_TRUE(page_fault.present);
  EXPECT_EQ(page_fault.dpl, 0u);
  EXPECT_EQ(page_fault.ist, 0u);
  const auto debug = decode_gate(little_endian({0x81e0ee0300100b70, 0x00000000ffffffff}), 3, true);
  EXPECT_EQ(debug.dpl, 3u);
  EXPECT_EQ(debug.ist, 3u);
  const auto trap = decode_gate(little_endian({0x81e08f0000100b70, 0x00000000ffffffff}), 3, true);
  EXPECT_EQ(trap.type, DescriptorType::trap_gate);
}

TEST(DecodeGate, Reads32BitGates) {
  const auto gate = decode_gate(little_endian({0xc1208e000060abcd, 0xffffffffffffffff}), 14, false);
  EXPECT_EQ(gate.type, DescriptorType::interrupt_gate);
  EXPECT_EQ(gate.size, 8u);
  EXPECT_EQ(gate.handler, 0xc120abcdu);
  EXPECT_EQ(gate.selector, 0x60u);
  // 686 kernels take double faults through a task gate.
  const auto task = decode_gate(little_endian({0x0000850000f80000}), 8, false);
  EXPECT_EQ(task.type, DescriptorType::task_gate);
  EXPECT_EQ(task.handler, 0u);
  EXPECT_EQ(task.selector, 0xf8u);
  const auto gate16 = decode_gate(little_endian({0xffff860000081234}), 8, false);
  EXPECT_EQ(gate16.type, DescriptorType::interrupt_gate16);
  EXPECT_EQ(gate16.handler, 0x1234u);
}

TEST(DecodeGate, CallsWhatAnIdtCannotHoldReserved) {
  EXPECT_EQ(decode_gate(little_endian({0, 0}), 0, true).type, DescriptorType::null);
  for (unsigned type = 0; type < 32; ++type) {
    const Bytes bytes = little_endian({(std::uint64_t{0x80u | type} << 40) | 0x100b70, 0});
    const auto in_long = decode_gate(bytes, 0, true).type;
    EXPECT_EQ(in_long != DescriptorType::reserved, type == 14 || type == 15) << type;
    const auto in_32 = decode_gate(bytes, 0, false).type;
    EXPECT_EQ(in_32 != DescriptorType::reserved,
              type == 5 || type == 6 || type == 7 || type == 14 || type == 15)
        << type;
  }
  // Only the upper half is set: not null.
  EXPECT_EQ(decode_gate(little_endian({0, 1}), 0, true).type, DescriptorType::reserved);
}

TEST(DecodeTss, ReadsBothForms) {
  Bytes bytes(104);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  const auto wide = decode_tss(bytes, true);
  ASSERT_TRUE(wide);
  EXPECT_EQ(wide->rsp[0], 0x0b0a090807060504u);
  EXPECT_EQ(wide->rsp[2], 0x1b1a191817161514u);
  EXPECT_EQ(wide->ist[0], 0x2b2a292827262524u);
  EXPECT_EQ(wide->ist[6], 0x5b5a595857565554u);
  EXPECT_EQ(wide->io_map_base, 0x6766u);
  EXPECT_EQ(wide->cr3, 0u);
  const auto narrow = decode_tss(bytes, false);
  ASSERT_TRUE(narrow);
  EXPECT_EQ(narrow->rsp[0], 0x07060504u);
  EXPECT_EQ(narrow->rsp[1], 0x0f0e0d0cu);
  EXPECT_EQ(narrow->ss0, 0x0908u);
  EXPECT_EQ(narrow->cr3, 0x1f1e1d1cu);
  EXPECT_EQ(narrow->eip, 0x23222120u);
  EXPECT_EQ(narrow->ist[0], 0u);
  EXPECT_FALSE(decode_tss(ByteView(bytes).first(103), true));
}

TEST(DescriptorType, NamesAreStable) {
  EXPECT_EQ(to_string(DescriptorType::interrupt_gate), "interrupt-gate");
  EXPECT_EQ(to_string(DescriptorType::tss_busy), "tss-busy");
  EXPECT_EQ(to_string(DescriptorType::null), "null");
}

}  // namespace
}  // namespace ringside::guest::x86
