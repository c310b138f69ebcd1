// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/linux_macro.h"

namespace ringside::guest::linux {

/// True if `file` starts like a kernel as boot loaders load it (Documentation/arch/x86/boot.rst).
bool is_boot_image(ByteView file);

/// The kernel that a boot image carries, decompressed: an ELF file, and behind it the places that its boot
/// code relocates (arch/x86/boot/compressed). Errors: `unsupported` (too old a boot protocol, no payload),
/// `malformed`, `oversized`.
Result<Bytes> boot_image_payload(ByteView file);

/// Most bytes of a decompressed kernel; Debian's are some 60 MB.
inline constexpr std::size_t kMaxKernelBytes = std::size_t{512} << 20;

}  // namespace ringside::guest::linux
