// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringside::guest::linux {

/// The pointer number `index` of bytes that hold pointers of 4 or 8 bytes; they must be there.
inline Gva pointer_in(ByteView bytes, std::size_t index, unsigned pointer_size) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.subspan(index * pointer_size, pointer_size).data(), pointer_size);
  return Gva{value};
}

/// `N` pointers that stand side by side at `gva`, in one read.
template <std::size_t N>
Result<std::array<Gva, N>> read_pointers(Kernel& kernel, Gva gva) {
  const unsigned size = kernel.pointer_size();
  std::array<std::byte, N * sizeof(std::uint64_t)> bytes;
  RINGSIDE_CHECK(kernel.space().read(gva, std::span(bytes).first(N * size)));
  std::array<Gva, N> pointers;
  for (std::size_t i = 0; i < N; ++i) pointers[i] = pointer_in(bytes, i, size);
  return pointers;
}

}  // namespace ringside::guest::linux
