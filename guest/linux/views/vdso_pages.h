// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace ringside::guest::linux {

/// Code that the kernel lends to every process: struct vdso_image (arch/x86/include/asm/vdso.h). The bytes
/// lie in the kernel's read-only data; processes map the same frames.
struct VdsoImage {
  Gva gva;                 ///< the struct
  Gva data;                ///< its ELF file
  std::uint64_t size = 0;  ///< bytes, whole pages
};

/// Most bytes of an image that are believed: kernels have two to four pages.
inline constexpr std::uint64_t kMaxVdsoBytes = 16 * kPageSize;

/// The images by the symbols that kernels give them (vdso_image_64, since 7.x vdso64_image; the 32-bit and
/// x32 ones where they were built). Errors: no types, no such symbol.
Result<Listing<VdsoImage>> vdso_images(Kernel& kernel);
/// The image at `gva`, whoever says that it is one.
Result<VdsoImage> vdso_image(Kernel& kernel, Gva gva);

/// A page of the vDSO as one process has it in its page tables.
struct VdsoPage {
  Gva gva;                   ///< in the process
  std::uint64_t offset = 0;  ///< in the image
  Gpa gpa;
  Gpa image_gpa;  ///< the image's own frame
  bool executable = false, writable = false;
  /// False: a frame of its own, with other bytes than the image's. A debugger's break point makes such a
  /// copy.
  bool same_content = true;
};

/// What a process says of its vDSO (mm->context, arch/x86/include/asm/mmu.h), and the pages of it that it has
/// in memory. No image: it has none (it was ended, or the kernel gives none).
struct ProcessVdso {
  Gva start{0};
  std::optional<VdsoImage> image;
  std::vector<VdsoPage> pages;
};

/// `mm`: struct mm_struct of a process. Errors: no types (32-bit kernels), an image that is none, memory that
/// cannot be read.
Result<ProcessVdso> process_vdso(Kernel& kernel, Gva mm);

}  // namespace ringside::guest::linux
