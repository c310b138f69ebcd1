// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <initializer_list>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// Addresses of data of a 32-bit kernel image (behind its text) that occur in the code of `functions`, those
/// that most of the functions hold first. Kernels without KALLSYMS_ALL name functions only; a variable is
/// then one of the addresses that its users hold, and the caller can tell which by what stands there.
/// Functions that this kernel has not, and what cannot be read of their code, add nothing. At most 512
/// addresses.
std::vector<Gva> code_references(Kernel& kernel, std::initializer_list<std::string_view> functions);

/// The code of `function` up to the next symbol, at most 8 KiB; empty if this kernel has it not, or if it
/// cannot be read.
Bytes code_of(Kernel& kernel, std::string_view function);

}  // namespace ringside::guest::linux
