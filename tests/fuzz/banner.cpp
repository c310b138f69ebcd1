// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/banner.h"

#include "guest/elf_notes.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

// The banner and the notes of a kernel: the two things that name it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto banner = ringside::guest::linux::parse_banner(text);
      banner && (banner->text.size() > 512 || banner->release.empty()))
    std::abort();
  if (const auto id = ringside::guest::gnu_build_id(ringside::as_bytes(text)); id && id->size() > 128)
    std::abort();
  return 0;
}
