// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ringside::guest::linux {

/// The places of a kernel image that its boot code moves with it (arch/x86/boot/compressed/misc.c,
/// handle_relocations).
class KernelRelocations {
 public:
  enum class Kind : std::uint8_t {
    add32,       ///< the low half of an address in the image
    subtract32,  ///< an offset from the image to a per-CPU variable, which does not move
    add64        ///< an address in the image
  };
  struct Place {
    std::uint32_t offset = 0;  ///< from the start of the image
    Kind kind{};
    std::size_t size() const { return kind == Kind::add64 ? 8 : 4; }
  };

  /// `tail`: what follows the ELF file in a boot image's payload (arch/x86/tools/relocs.c, emit_relocs):
  /// lists of 32-bit words, each after a zero. 64-bit kernels: [64 bits], since before 7.0 also [inverse 32],
  /// [32 bits]; 32-bit ones: [32 bits]. `base`: link address of the image; places outside of [base, base +
  /// size) are left out. `malformed` if the lists do not fill the tail. An empty tail: nothing is moved.
  static Result<KernelRelocations> parse(ByteView tail, unsigned bits, std::uint64_t base,
                                         std::uint64_t size);

  /// Moves by `slide` what stands in `bytes`, which are the bytes of the image from `offset` on. A place that
  /// is cut by an end of `bytes` is left alone: give some bytes more.
  void apply(std::span<std::byte> bytes, std::uint64_t offset, std::uint64_t slide) const;

  const std::vector<Place>& places() const { return places_; }

  static constexpr std::size_t kMaxTail = std::size_t{64} << 20;

 private:
  std::vector<Place> places_;  ///< by offset
};

}  // namespace ringside::guest::linux
