// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "tests/unit/support/fake_kernel.h"

#include <cstddef>
#include <cstdint>

namespace ringside::testing {

/// Changes a made kernel as a fuzzer's input says: for each ten bytes, 16 bits of place, in units of four
/// bytes from `first` on, and eight bytes of value; values that begin with "bO" become addresses of what was
/// made.
inline void poke(FakeKernel& kernel, guest::Gva first, std::uint64_t bytes, ByteView input) {
  constexpr std::size_t kPoke = 10, kMaxPokes = 256;
  for (std::size_t at = 0; at + kPoke <= input.size() && at < kPoke * kMaxPokes; at += kPoke) {
    const guest::Gva place = first + std::uint64_t{*load_le<std::uint16_t>(input, at)} * 4 % bytes;
    auto value = *load_le<std::uint64_t>(input, at + 2);
    if ((value >> 48) == 0x4f62) value = first.value + value % bytes;
    kernel.put(place, value);
  }
}

/// The same over the first 512 KiB, in units of eight bytes.
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
