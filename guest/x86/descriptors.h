// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/address.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::x86 {

/// What a descriptor or gate is (SDM vol. 3A, sections 3.4.5 and 3.5, tables 3-1 and 3-2).
enum class DescriptorType {
  null,
  code,
  data,
  ldt,
  tss_available,
  tss_busy,
  tss16_available,
  tss16_busy,
  call_gate,
  call_gate16,
  task_gate,
  interrupt_gate,
  interrupt_gate16,
  trap_gate,
  trap_gate16,
  reserved,
};
std::string_view to_string(DescriptorType type);  ///< "interrupt-gate", "tss-busy", ...

/// One entry of a GDT or LDT.
struct SegmentDescriptor {
  unsigned index = 0;  ///< selector = index * 8
  unsigned size = 8;   ///< bytes: 16 for system descriptors in long mode
  DescriptorType type = DescriptorType::null;
  std::uint64_t base = 0;
  std::uint64_t limit = 0;  ///< bytes - 1, granularity applied
  unsigned dpl = 0;
  bool present = false, accessed = false, writable_or_readable = false, long_code = false,
       default_big = false, conforming_or_down = false;
  std::uint16_t gate_selector = 0;  ///< call and task gates
  std::uint64_t gate_offset = 0;
  std::array<std::byte, 16> raw{};  ///< first `size` bytes
  ByteView raw_bytes() const { return ByteView(raw).first(size); }
};

/// Decodes the entry that starts `bytes` (at least 8; 16 for a system descriptor in long mode, else its upper
/// half reads as zero).
SegmentDescriptor decode_segment(ByteView bytes, unsigned index, bool long_mode);

/// One entry of the IDT.
struct IdtGate {
  unsigned vector = 0;
  unsigned size = 16;  ///< 8 in 32-bit mode
  DescriptorType type = DescriptorType::null;
  std::uint64_t handler = 0;  ///< GVA; 0 for task gates
  std::uint16_t selector = 0;
  unsigned dpl = 0, ist = 0;
  bool present = false;
  std::array<std::byte, 16> raw{};
  ByteView raw_bytes() const { return ByteView(raw).first(size); }
};

/// Decodes the gate that starts `bytes` (16 bytes in long mode, else 8).
IdtGate decode_gate(ByteView bytes, unsigned vector, bool long_mode);

/// The part of a task-state segment that ringside looks at (SDM vol. 3A, section 8.7 and figure 8-2).
struct Tss {
  std::array<std::uint64_t, 3> rsp{};  ///< RSP0..2, or ESP0..2
  std::array<std::uint64_t, 7> ist{};  ///< IST1..7; 0 in 32-bit mode
  std::uint16_t ss0 = 0;               ///< 32-bit only
  std::uint64_t cr3 = 0, eip = 0;      ///< 32-bit only (task switches)
  std::uint16_t io_map_base = 0;
};
/// `bytes` is 104 long; nullopt if shorter.
std::optional<Tss> decode_tss(ByteView bytes, bool long_mode);

}  // namespace ringside::guest::x86
