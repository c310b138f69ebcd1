// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <functional>
#include <optional>

namespace ringside::guest::linux {

/// Calls `visit` with each trampoline of static calls in the kernel image, and with its key, which has the
/// same name with another start (include/linux/static_call_types.h, STATIC_CALL_TRAMP, STATIC_CALL_KEY);
/// nullopt: a kernel that names functions alone. They stand together (include/asm-generic/vmlinux.lds.h,
/// STATIC_CALL_TEXT). `visit` returns false to stop.
void each_trampoline(Kernel& kernel,
                     const std::function<bool(Gva trampoline, std::optional<Gva> key)>& visit);

inline constexpr std::string_view kTrampolinePrefix = "__SCT__", kStaticCallKeyPrefix = "__SCK__";

}  // namespace ringside::guest::linux
