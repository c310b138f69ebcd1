// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/address_space.h"
#include "guest/x86/descriptors.h"

#include <vector>

namespace ringside::guest {

/// One entry of a descriptor table with where it stands.
template <class Entry>
struct Placed {
  Entry entry;
  Gva gva;
  Gpa gpa;
};

/// What could be read of a table. A page of it that is not mapped costs its own entries only.
template <class Entry>
struct DescriptorTable {
  std::vector<Placed<Entry>> entries;
  std::vector<Error> unreadable;  ///< one a page; empty: all of the table was read
};

/// The IDT that `cpu`'s IDTR names, at most 256 gates. A limit that cuts a gate short cuts the table there.
/// In real mode neither register names a descriptor table: no entries, one `unsupported` in `unreadable`.
DescriptorTable<x86::IdtGate> read_idt(AddressSpace& space, const x86::CpuState& cpu);
/// The GDT that GDTR names, at most 8192 entries; long-mode system descriptors take two slots. One whose
/// upper slot is beyond the limit or unreadable is left out.
DescriptorTable<x86::SegmentDescriptor> read_gdt(AddressSpace& space, const x86::CpuState& cpu);

/// TR's base. Of a CPU in compatibility mode HMP prints its lower 32 bits only; then the upper ones come from
/// the TSS descriptor that TR's selector names in the GDT, if the lower ones agree (`mismatch` if not).
Result<Gva> tss_base(AddressSpace& space, const x86::CpuState& cpu);
/// The TSS that TR names. `unsupported` for a 16-bit TSS and in real mode, `malformed` for a limit below 103.
/// `whole`: false leaves out what Linux writes at each switch of tasks or system call (RSP1, RSP2, the offset
/// of the I/O bitmap), so that what depends on the rest does not depend on these.
Result<Placed<x86::Tss>> read_tss(AddressSpace& space, const x86::CpuState& cpu, bool whole = true);

}  // namespace ringside::guest
