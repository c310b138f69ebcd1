// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/fake_kernel.h"

#include <cstddef>
#include <cstdint>

namespace ringside::testing {

/// Fuzz input as writes into a made kernel. Ten bytes a poke: 16 bits of place, in units of eight bytes from
/// `first` on, and eight bytes of value; one whose upper half is "bO" becomes the address of what stands at
/// that many bytes from `first`.
inline void poke(FakeKernel& kernel, guest::Gva first, ByteView input, std::size_t most = 256) {
  constexpr std::size_t kPoke = 10;
  constexpr std::uint64_t kObject = 0x4f62, kReach = 0x80000;
  for (std::size_t at = 0; at + kPoke <= input.size() && at < kPoke * most; at += kPoke) {
    const guest::Gva place = first + std::uint64_t{*load_le<std::uint16_t>(input, at)} * 8;
    auto value = *load_le<std::uint64_t>(input, at + 2);
    if ((value >> 48) == kObject) value = first.value + value % kReach;
    kernel.put(place, value);
  }
}

}  // namespace ringside::testing
