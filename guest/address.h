// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

#include <compare>
#include <cstdint>
#include <string>

namespace ringside::guest {

/// A 64-bit address of one address space; the spaces do not mix. Sums wrap modulo 2^64, as the CPU's do.
template <class Space>
struct Address {
  std::uint64_t value = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): a false alarm of clang-tidy 14
  friend auto operator<=>(const Address&, const Address&) = default;
  friend constexpr Address operator+(Address a, std::uint64_t bytes) { return {a.value + bytes}; }
  friend constexpr std::uint64_t operator-(Address a, Address b) { return a.value - b.value; }
};

using Gva = Address<struct GuestVirtualSpace>;   ///< guest-virtual: what the guest's CPU sees
using Gpa = Address<struct GuestPhysicalSpace>;  ///< guest-physical: after the guest's page tables
using Hva = Address<struct HostVirtualSpace>;    ///< in the QEMU process

template <class Space>
std::string to_string(Address<Space> address) {
  return hex_address(address.value);
}

inline constexpr std::uint64_t kPageSize = 4096;
template <class Space>
constexpr Address<Space> page_of(Address<Space> a) {
  return {a.value & ~(kPageSize - 1)};
}

}  // namespace ringside::guest
