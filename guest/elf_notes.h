// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

#include <optional>
#include <string>

namespace ringside::guest {

/// The GNU build id (NT_GNU_BUILD_ID) among ELF notes that stand one after the other, as hex digits; nullopt
/// if there is none. Notes have the same form in 32- and 64-bit files (elf.h, Elf64_Nhdr).
std::optional<std::string> gnu_build_id(ByteView notes);

}  // namespace ringside::guest
