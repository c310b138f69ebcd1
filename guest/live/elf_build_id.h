// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace ringside::guest::live {

/// The GNU build id in the notes of a 64-bit little-endian ELF file, as hex digits; nullopt if there is none.
std::optional<std::string> parse_build_id(ByteView elf_start);
/// Of the program that `pid` runs, even if its file was replaced since.
std::optional<std::string> build_id_of(pid_t pid);

}  // namespace ringside::guest::live
