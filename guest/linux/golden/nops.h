// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/linux/linux_macro.h"

#include <cstddef>
#include <span>
#include <vector>

namespace ringside::guest::linux {

/// One of the ways in which kernels fill room in code with instructions that do nothing.
struct NopStyle {
  std::span<const ByteView> table;  ///< [n - 1]: the one of n bytes
  /// True: more than the longest is jumped over (from 6.4); otherwise several stand one after the other.
  bool jumps = false;

  /// Fills `room`.
  void fill(std::span<std::byte> room) const;
};

/// The style of 64-bit kernels from 5.13 on (`long_ones`: from 6.5, up to 11 bytes; arch/x86/include/asm/
/// nops.h), or of 32-bit ones.
NopStyle modern_nops(unsigned bits, bool long_ones, bool jumps);

/// Those between which kernels before 5.13 choose by CPU model (arch/x86/kernel/alternative.c,
/// arch_init_ideal_nops), by the name of their table: "p6_nops", "k8_nops", "k7_nops", "intel_nops".
struct IdealNops {
  const char* name;
  NopStyle style;
};
std::vector<IdealNops> ideal_nops();

}  // namespace ringside::guest::linux
