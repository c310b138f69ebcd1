// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

namespace ringside::guest::linux {

/// Kernel memory for working out what is the same in every boot of a build. Pages are kept with the snapshot,
/// so that the same can be found in a saved one, but what is read of them is noted in no read set: a verdict
/// does not depend on it. Addresses are 32-bit numbers: only kernels without BTF need this.
class KernelPages {
 public:
  explicit KernelPages(Kernel& kernel) : kernel_(kernel) {}

  /// False if not all of it can be read.
  bool read(std::uint32_t gva, std::span<std::byte> into);
  template <class T>
  std::optional<T> get(std::uint32_t gva) {
    T value{};
    if (!read(gva, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
    return value;
  }
  /// A pointer or number; 0 if it cannot be read, which no valid pointer is.
  std::uint32_t word(std::uint32_t gva) { return get<std::uint32_t>(gva).value_or(0); }
  /// A NUL-terminated string of at most `max` printable ASCII characters; nullopt for anything else.
  std::optional<std::string> text(std::uint32_t gva, std::size_t max);

  /// True for addresses in the kernel's half that are a multiple of `alignment`.
  static bool is_pointer(std::uint32_t value, std::uint32_t alignment = 4) {
    return value >= kKernelHalf && value % alignment == 0;
  }
  /// CONFIG_PAGE_OFFSET of all Debian kernels (arch/x86/Kconfig, VMSPLIT_3G).
  static constexpr std::uint32_t kKernelHalf = 0xc0000000;

  Kernel& kernel() { return kernel_; }

 private:
  const Snapshot::Page* page(std::uint32_t gva);

  /// Bounds what hostile pointers can make the snapshot keep.
  static constexpr std::size_t kMaxPages = 16384;

  Kernel& kernel_;
  std::unordered_map<std::uint32_t, const Snapshot::Page*> pages_;
};

}  // namespace ringside::guest::linux
