// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/golden/boot_places.h"
#include "guest/linux/golden/kernel_relocations.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// A kernel image as the vendor shipped it: what of it is code or read-only, and where it is patched while it
/// boots. Immutable; one serves all guests that run it, wherever KASLR put their kernels. Addresses are those
/// that the image was linked to.
class GoldenKernel {
 public:
  /// `payload`: what boot_image_payload() gives, or a vmlinux. Nothing of it is kept but what is needed.
  /// Errors: `malformed`, `unsupported` (no kernel), `oversized`.
  static Result<std::shared_ptr<const GoldenKernel>> parse(ByteView payload);

  const std::string& build_id() const { return build_id_; }  ///< hex
  const std::string& release() const { return release_; }    ///< "6.1.0-56-cloud-amd64"
  const std::string& banner() const { return banner_; }
  unsigned bits() const { return bits_; }
  std::uint64_t base() const { return base_; }  ///< of the image, which is where its text starts

  /// False for a vmlinux that does not tell what KASLR moves: it serves only guests without.
  bool movable() const { return movable_; }

  struct Part {
    std::uint64_t first = 0;
    Bytes bytes;
    std::uint64_t end() const { return first + bytes.size(); }
  };
  const Part& text() const { return parts_[0]; }
  const Part& rodata() const { return parts_[1]; }  ///< what is read-only after boot included
  /// Where .rodata proper ends, of which a part is read-only only after boot; what follows is from the start.
  std::uint64_t rodata_section_end() const { return rodata_section_end_; }
  const BootPlaces& places() const { return places_; }

  /// Bytes of text, read-only data or replacements of alternatives at a link address, as they are in a kernel
  /// that was moved by `slide`. False if they are not all in one of them.
  bool read(std::uint64_t address, std::span<std::byte> into, std::uint64_t slide) const;

 private:
  explicit GoldenKernel(unsigned bits) : bits_(bits), places_(bits) {}
  const Part* part_at(std::uint64_t address, std::uint64_t size) const;

  std::string build_id_, release_, banner_;
  unsigned bits_;
  std::uint64_t base_ = 0, rodata_section_end_ = 0;
  bool movable_ = false;
  std::vector<Part> parts_;  ///< text, rodata, replacements
  KernelRelocations relocations_;
  BootPlaces places_;
};

}  // namespace ringside::guest::linux
