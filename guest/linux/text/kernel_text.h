// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/modules.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// A run of code that the kernel patches, and stands as it is otherwise: that of the image or of one module.
struct TextRegion {
  Range range;
  std::string module;        ///< empty: the image
  Gva object;                ///< the struct module
  Bytes bytes;               ///< what stands there; zeros where `holes` are
  std::vector<Range> holes;  ///< what could not be read, in order
};

/// All code of the kernel's image, and of modules that are live, read in bulk when it is first asked for.
/// One that comes or goes is left out: its code is in flux.
class KernelText {
 public:
  /// The one of `kernel`, made at the first call; see Kernel::memo().
  static KernelText& of(Kernel& kernel);
  explicit KernelText(Kernel& kernel);

  const std::vector<TextRegion>& regions() const { return regions_; }
  static constexpr std::uint32_t kImage = 0;  ///< the region of the image
  /// Number of the region that holds `gva`.
  std::optional<std::uint32_t> region_of(Gva gva) const;
  /// Up to `size` bytes from `gva` on: to the end of the region or to the first hole. Empty: nothing known.
  ByteView bytes(Gva gva, std::size_t size) const;
  /// What could not be read.
  const std::vector<Error>& problems() const { return listing_.problems; }

  /// Bounds: the largest kernels have 30 MiB of text, and modules some hundred KiB.
  static constexpr std::uint64_t kMaxImage = std::uint64_t{64} << 20;
  static constexpr std::uint64_t kMaxModuleText = std::uint64_t{16} << 20;
  static constexpr std::uint64_t kMaxAll = std::uint64_t{192} << 20;

 private:
  void add(Kernel& kernel, TextRegion region);

  std::vector<TextRegion> regions_;  ///< the image first
  std::vector<std::uint32_t> by_address_;
  std::uint64_t bytes_ = 0;
  Listing<TextRegion> listing_;  ///< problems only
};

/// Reads [first, first + into.size()) as whole runs of the page tables' own pages and in few calls; what
/// cannot be read is zero, and its pages are returned.
std::vector<Range> read_in_bulk(Kernel& kernel, Gva first, std::span<std::byte> into);

}  // namespace ringside::guest::linux
