// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/descriptors.h"

#include <algorithm>

namespace ringside::guest::x86 {

namespace {

/// System types, indexed by the type field (SDM vol. 3A, table 3-2, 32-bit column).
constexpr std::array<DescriptorType, 16> kSystemTypes = {
    DescriptorType::reserved,         DescriptorType::tss16_available, DescriptorType::ldt,
    DescriptorType::tss16_busy,       DescriptorType::call_gate16,     DescriptorType::task_gate,
    DescriptorType::interrupt_gate16, DescriptorType::trap_gate16,     DescriptorType::reserved,
    DescriptorType::tss_available,    DescriptorType::reserved,        DescriptorType::tss_busy,
    DescriptorType::call_gate,        DescriptorType::reserved,        DescriptorType::interrupt_gate,
    DescriptorType::trap_gate,
};

/// The same in long mode: types 1 and 3 to 7 no longer exist (table 3-2, IA-32e column).
DescriptorType system_type(unsigned field, bool long_mode) {
  if (long_mode && (field == 1 || (field >= 3 && field <= 7))) return DescriptorType::reserved;
  return kSystemTypes[field & 15];
}

/// 32-bit word at `offset`; bytes that are not there read as zero.
std::uint32_t word(ByteView bytes, std::size_t offset) {
  return load_le<std::uint32_t>(bytes, offset).value_or(0);
}

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

template <class Entry>
void keep_raw(Entry& entry, ByteView bytes) {
  std::ranges::copy(bytes.first(std::min<std::size_t>(bytes.size(), entry.size)), entry.raw.begin());
}

}  // namespace

std::string_view to_string(DescriptorType type) {
  switch (type) {
    case DescriptorType::null:
      return "null";
    case DescriptorType::code:
      return "code";
    case DescriptorType::data:
      return "data";
    case DescriptorType::ldt:
      return "ldt";
    case DescriptorType::tss_available:
      return "tss-available";
    case DescriptorType::tss_busy:
      return "tss-busy";
    case DescriptorType::tss16_available:
      return "tss16-available";
    case DescriptorType::tss16_busy:
      return "tss16-busy";
    case DescriptorType::call_gate:
      return "call-gate";
    case DescriptorType::call_gate16:
      return "call-gate16";
    case DescriptorType::task_gate:
      return "task-gate";
    case DescriptorType::interrupt_gate:
      return "interrupt-gate";
    case DescriptorType::interrupt_gate16:
      return "interrupt-gate16";
    case DescriptorType::trap_gate:
      return "trap-gate";
    case DescriptorType::trap_gate16:
      return "trap-gate16";
    case DescriptorType::reserved:
      return "reserved";
  }
  return "unknown";
}

SegmentDescriptor decode_segment(ByteView bytes, unsigned index, bool long_mode) {
  SegmentDescriptor d;
  d.index = index;
  const std::uint32_t low = word(bytes, 0), high = word(bytes, 4);
  const unsigned type = (high >> 8) & 15;
  const bool system = (high & (1u << 12)) == 0;
  if (low == 0 && high == 0) {
    keep_raw(d, bytes);
    return d;
  }
  d.type = !system ? ((type & 8) != 0 ? DescriptorType::code : DescriptorType::data)
                   : system_type(type, long_mode);
  // SDM vol. 3A, section 3.5: LDT, TSS and call-gate descriptors are 16 bytes in IA-32e mode.
  if (long_mode && system && d.type != DescriptorType::reserved) d.size = 16;
  keep_raw(d, bytes);
  d.dpl = (high >> 13) & 3;
  d.present = (high & (1u << 15)) != 0;

  const std::uint64_t upper = d.size == 16 ? std::uint64_t{word(bytes, 8)} << 32 : 0;
  if (d.type == DescriptorType::call_gate || d.type == DescriptorType::interrupt_gate ||
      d.type == DescriptorType::trap_gate) {
    d.gate_selector = static_cast<std::uint16_t>(low >> 16);
    d.gate_offset = upper | (high & 0xffff0000) | (low & 0xffff);
    return d;
  }
  if (d.type == DescriptorType::call_gate16 || d.type == DescriptorType::interrupt_gate16 ||
      d.type == DescriptorType::trap_gate16 || d.type == DescriptorType::task_gate) {
    d.gate_selector = static_cast<std::uint16_t>(low >> 16);
    if (d.type != DescriptorType::task_gate) d.gate_offset = low & 0xffff;
    return d;
  }
  d.base = upper | (high & 0xff000000) | ((high & 0xff) << 16) | (low >> 16);
  d.limit = (high & 0xf0000) | (low & 0xffff);
  if ((high & (1u << 23)) != 0) d.limit = (d.limit << 12) | 0xfff;
  if (!system) {
    d.accessed = (type & 1) != 0;
    d.writable_or_readable = (type & 2) != 0;
    d.conforming_or_down = (type & 4) != 0;
    d.long_code = d.type == DescriptorType::code && (high & (1u << 21)) != 0;
    d.default_big = (high & (1u << 22)) != 0;
  }
  return d;
}

IdtGate decode_gate(ByteView bytes, unsigned vector, bool long_mode) {
  IdtGate gate;
  gate.vector = vector;
  gate.size = long_mode ? 16 : 8;
  keep_raw(gate, bytes);
  if (all_zero(gate.raw_bytes())) return gate;
  const std::uint32_t low = word(bytes, 0), high = word(bytes, 4);
  const bool system = (high & (1u << 12)) == 0;
  gate.type = system ? system_type((high >> 8) & 15, long_mode) : DescriptorType::reserved;
  switch (gate.type) {  // what an IDT may hold (SDM vol. 3A, sections 6.11 and 6.14.1)
    case DescriptorType::interrupt_gate:
    case DescriptorType::trap_gate:
      gate.handler = (high & 0xffff0000) | (low & 0xffff);
      if (long_mode) gate.handler |= std::uint64_t{word(bytes, 8)} << 32;
      break;
    case DescriptorType::interrupt_gate16:
    case DescriptorType::trap_gate16:
      gate.handler = low & 0xffff;
      break;
    case DescriptorType::task_gate:
      break;
    default:
      gate.type = DescriptorType::reserved;
      break;
  }
  gate.selector = static_cast<std::uint16_t>(low >> 16);
  gate.dpl = (high >> 13) & 3;
  gate.present = (high & (1u << 15)) != 0;
  gate.ist = long_mode ? high & 7 : 0;
  return gate;
}

std::optional<Tss> decode_tss(ByteView bytes, bool long_mode) {
  constexpr std::size_t kSize = 104;
  if (bytes.size() < kSize) return std::nullopt;
  const auto qword = [&](std::size_t offset) { return load_le<std::uint64_t>(bytes, offset).value_or(0); };
  const auto half = [&](std::size_t offset) { return load_le<std::uint16_t>(bytes, offset).value_or(0); };
  Tss tss;
  if (long_mode) {
    for (std::size_t i = 0; i < tss.rsp.size(); ++i) tss.rsp[i] = qword(4 + 8 * i);
    for (std::size_t i = 0; i < tss.ist.size(); ++i) tss.ist[i] = qword(36 + 8 * i);
  } else {
    for (std::size_t i = 0; i < tss.rsp.size(); ++i) tss.rsp[i] = word(bytes, 4 + 8 * i);
    tss.ss0 = half(8);
    tss.cr3 = word(bytes, 28);
    tss.eip = word(bytes, 32);
  }
  tss.io_map_base = half(102);
  return tss;
}

}  // namespace ringside::guest::x86
