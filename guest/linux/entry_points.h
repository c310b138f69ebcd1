// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// What Linux uses an interrupt vector for.
struct EntryPoint {
  /// As the kernel's source calls it: "page_fault", "int80", "reschedule_ipi", "external_interrupt" (of a
  /// device), "spurious_interrupt" (a system vector that is not in use), "reserved" (an exception that Linux
  /// knows nothing of).
  std::string_view name;
  /// Where this kernel's gate may enter: more than one where it depends on the machine. Empty: not known, or
  /// no handler at all (the task gate of a 32-bit kernel's double fault).
  std::vector<Gva> handlers;
};

/// Linux's use of all 256 vectors, from the symbols that this kernel has (arch/x86/kernel/idt.c,
/// arch/x86/include/asm/{irq_vectors,trapnr,idtentry}.h, from 5.8 on).
class EntryPoints {
 public:
  explicit EntryPoints(Kernel& kernel);
  /// `vector`: 0 to 255.
  const EntryPoint& of(unsigned vector) const { return points_.at(vector); }
  /// The first vector that devices do not use; 0: the kernel does not tell.
  unsigned first_system_vector() const { return first_system_; }

 private:
  void exceptions(Kernel& kernel);
  void interrupts(Kernel& kernel);

  std::array<EntryPoint, 256> points_;
  unsigned first_system_ = 0, stub_ = 0;  ///< stub_: bytes of an interrupt stub; 0: not known
};

}  // namespace ringside::guest::linux
