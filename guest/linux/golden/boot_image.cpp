// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/boot_image.h"

#include "guest/linux/golden/decompress.h"

namespace ringside::guest::linux {

namespace {

// Documentation/arch/x86/boot.rst, "Details of Header Fields".
constexpr std::size_t kSetupSectors = 0x1f1, kMagic = 0x202, kVersion = 0x206, kPayloadOffset = 0x248,
                      kPayloadLength = 0x24c;
constexpr std::uint32_t kHdrS = 0x53726448;
constexpr std::uint16_t kFirstWithPayload = 0x0208;
constexpr std::size_t kSector = 512;
/// The build appends the unpacked size where the packed form does not carry it (scripts/Makefile.lib,
/// size_append); gzip's own form ends with it.
constexpr std::size_t kAppendedSize = 4;

}  // namespace

bool is_boot_image(ByteView file) {
  return load_le<std::uint32_t>(file, kMagic) == kHdrS;
}

Result<Bytes> boot_image_payload(ByteView file) {
  if (!is_boot_image(file)) return fail(Errc::unsupported, "no bootable kernel image");
  const auto version = load_le<std::uint16_t>(file, kVersion);
  if (!version || *version < kFirstWithPayload)
    return fail(Errc::unsupported, "a kernel image of a boot protocol before 2.08");
  std::size_t sectors = std::to_integer<std::size_t>(file[kSetupSectors]);
  if (sectors == 0) sectors = 4;  // boot.rst: for backwards compatibility
  const auto offset = load_le<std::uint32_t>(file, kPayloadOffset);
  const auto length = load_le<std::uint32_t>(file, kPayloadLength);
  if (!offset || !length || *length < 8) return fail(Errc::unsupported, "a kernel image without a payload");
  const std::uint64_t first = (sectors + 1) * kSector + *offset;
  if (first > file.size() || file.size() - first < *length)
    return fail(Errc::malformed, "the kernel image is cut off");
  ByteView payload = file.subspan(first, *length);
  const bool gzip = load_le<std::uint16_t>(payload) == 0x8b1f;
  const bool plain = load_le<std::uint32_t>(payload) == 0x464c457f;
  if (!gzip && !plain) payload = payload.first(payload.size() - kAppendedSize);
  return decompress(payload, kMaxKernelBytes);
}

}  // namespace ringside::guest::linux
