// SPDX-License-Identifier: Apache-2.0
#include "guest/descriptor_tables.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest {

namespace {

constexpr std::size_t kSlot = 8;
constexpr std::size_t kMaxTable = 0x10000;  // a limit has 16 bits (SDM vol. 3A, section 2.4.1)

bool protected_mode(const x86::CpuState& cpu) {
  return (cpu.cr0 & x86::cr0::kPe) != 0;
}

/// The bytes of a table and which of its pages could be read.
struct TableBytes {
  Gva base;
  Bytes bytes;
  std::vector<bool> readable;  ///< by page, from base's own
  std::vector<Error> unreadable;

  bool has(std::size_t offset, std::size_t size) const {
    if (offset > bytes.size() || bytes.size() - offset < size) return false;
    const std::size_t lead = base - page_of(base);
    for (std::size_t page = (lead + offset) / kPageSize; page <= (lead + offset + size - 1) / kPageSize;
         ++page)
      if (!readable[page]) return false;
    return true;
  }
  ByteView view(std::size_t offset, std::size_t size) const { return ByteView(bytes).subspan(offset, size); }
};

/// Reads `size` bytes from `base` page by page. A table that runs past the top of the address space ends
/// there.
TableBytes read_table(AddressSpace& space, std::string_view name, Gva base, std::size_t size) {
  TableBytes table{base, Bytes(size), {}, {}};
  for (std::size_t done = 0; done < size;) {
    const Gva at = base + done;
    const std::size_t here = std::min<std::size_t>(size - done, kPageSize - (at - page_of(at)));
    Result<void> read = at < base ? fail(Errc::non_canonical, "it runs past the top of the address space")
                                  : space.read(at, std::span(table.bytes).subspan(done, here));
    table.readable.push_back(read.has_value());
    if (!read) table.unreadable.push_back(read.error().within(name));
    done += here;
  }
  return table;
}

/// Adds `entry`, which starts at `offset`. Its first byte was read, so its translation is at hand.
template <class Entry>
void place(DescriptorTable<Entry>& table, AddressSpace& space, const TableBytes& bytes, std::size_t offset,
           const Entry& entry) {
  const Gva gva = bytes.base + offset;
  if (const auto gpa = space.translate(gva)) table.entries.push_back({entry, gva, *gpa});
}

std::size_t table_size(const x86::TableRegister& table) {
  return std::min<std::size_t>(std::size_t{table.limit} + 1, kMaxTable);
}

Error real_mode(std::string_view name) {
  return {Errc::unsupported,
          std::string(name) + ": the vCPU is in real mode, which uses no descriptor tables"};
}

}  // namespace

DescriptorTable<x86::IdtGate> read_idt(AddressSpace& space, const x86::CpuState& cpu) {
  DescriptorTable<x86::IdtGate> table;
  if (!protected_mode(cpu)) {
    table.unreadable.push_back(real_mode("IDT"));
    return table;
  }
  const bool long_mode = cpu.long_mode();
  const std::size_t size = long_mode ? 16 : 8;
  const std::size_t count = std::min<std::size_t>(table_size(cpu.idt) / size, 256);
  TableBytes bytes = read_table(space, "IDT", cpu.idt.base, count * size);
  table.entries.reserve(count);
  for (std::size_t vector = 0; vector < count; ++vector)
    if (bytes.has(vector * size, size))
      place(table, space, bytes, vector * size,
            x86::decode_gate(bytes.view(vector * size, size), static_cast<unsigned>(vector), long_mode));
  table.unreadable = std::move(bytes.unreadable);
  return table;
}

DescriptorTable<x86::SegmentDescriptor> read_gdt(AddressSpace& space, const x86::CpuState& cpu) {
  DescriptorTable<x86::SegmentDescriptor> table;
  if (!protected_mode(cpu)) {
    table.unreadable.push_back(real_mode("GDT"));
    return table;
  }
  const bool long_mode = cpu.long_mode();
  const std::size_t count = table_size(cpu.gdt) / kSlot;
  TableBytes bytes = read_table(space, "GDT", cpu.gdt.base, count * kSlot);
  table.entries.reserve(count);
  for (std::size_t slot = 0; slot < count;) {
    const std::size_t offset = slot * kSlot;
    if (!bytes.has(offset, kSlot)) {
      ++slot;
      continue;
    }
    const auto index = static_cast<unsigned>(slot);
    x86::SegmentDescriptor entry = x86::decode_segment(bytes.view(offset, kSlot), index, long_mode);
    slot += entry.size / kSlot;
    if (entry.size > kSlot) {
      if (!bytes.has(offset, entry.size)) continue;
      entry = x86::decode_segment(bytes.view(offset, entry.size), index, long_mode);
    }
    place(table, space, bytes, offset, entry);
  }
  table.unreadable = std::move(bytes.unreadable);
  return table;
}

Result<Gva> tss_base(AddressSpace& space, const x86::CpuState& cpu) {
  constexpr std::uint64_t kLow = 0xffffffff;
  // HMP's 32-bit form (QEMU target/i386/cpu-dump.c, cpu_x86_dump_seg_cache, asks for HF_CS64, not HF_LMA).
  if (!cpu.compatibility_mode() || (cpu.tr.base & ~kLow) != 0) return Gva{cpu.tr.base};
  const std::uint64_t offset = cpu.tr.selector & ~std::uint64_t{7};
  if ((cpu.tr.selector & 4) != 0 || offset + 15 > cpu.gdt.limit)
    return fail(Errc::malformed, "TSS: TR's selector names no descriptor inside the GDT");
  std::array<std::byte, 16> raw{};
  if (offset > std::numeric_limits<std::uint64_t>::max() - cpu.gdt.base.value)
    return fail(Errc::non_canonical, "TSS: its descriptor is past the top of the address space");
  if (auto read = space.read(cpu.gdt.base + offset, raw); !read)
    return fail(read.error().within("TSS descriptor"));
  const auto entry = x86::decode_segment(raw, static_cast<unsigned>(offset / kSlot), true);
  const bool is_tss =
      entry.type == x86::DescriptorType::tss_busy || entry.type == x86::DescriptorType::tss_available;
  if (!is_tss || (entry.base & kLow) != cpu.tr.base)
    return fail(Errc::mismatch, "TSS: the GDT's descriptor and TR do not agree on the base");
  return Gva{entry.base};
}

Result<Placed<x86::Tss>> read_tss(AddressSpace& space, const x86::CpuState& cpu, bool whole) {
  constexpr std::size_t kSize = 104;
  constexpr std::uint32_t kPresent = 1u << 15;
  if (!protected_mode(cpu)) return fail(real_mode("TSS"));
  if ((cpu.tr.flags & kPresent) == 0 || (cpu.tr.selector & ~3u) == 0)
    return fail(Errc::not_found, "TSS: TR is not loaded");
  // Bit 3 of the type tells a 32- or 64-bit TSS from a 16-bit one (SDM vol. 3A, table 3-2).
  if ((cpu.tr.flags & (1u << 11)) == 0) return fail(Errc::unsupported, "TSS: TR names a 16-bit TSS");
  if (cpu.tr.limit < kSize - 1)
    return fail(Errc::malformed, "TSS: TR's limit of " + std::to_string(cpu.tr.limit) + " is below 103");
  RINGSIDE_TRY(const Gva base, tss_base(space, cpu));
  std::array<std::byte, kSize> raw{};
  // SDM vol. 3A, figure 8-11: in 64-bit mode RSP0 ends at 12, and the ISTs stand at 36 to 92.
  struct Part {
    std::size_t first, size;
  };
  const std::vector<Part> parts =
      whole || !cpu.long_mode() ? std::vector<Part>{{0, kSize}} : std::vector<Part>{{0, 12}, {36, 56}};
  for (const Part& part : parts)
    if (auto read = space.read(base + part.first, std::span(raw).subspan(part.first, part.size)); !read)
      return fail(read.error().within("TSS"));
  RINGSIDE_TRY(const Gpa gpa, space.translate(base));
  return Placed<x86::Tss>{*x86::decode_tss(raw, cpu.long_mode()), base, gpa};
}

}  // namespace ringside::guest
