// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <optional>
#include <string_view>

namespace ringside::guest::linux {

/// Where the variable `variable` stands that a feature hangs its objects on. nullopt: the kernel was built
/// without the feature, which `function`, one of its functions, tells: kallsyms names functions on every
/// kernel. `unavailable`: the feature is there, but this kernel does not tell where its variable stands.
Result<std::optional<Gva>> feature_root(Kernel& kernel, std::string_view variable, std::string_view function);

/// The address that the signed 32-bit offset at `at` is relative to itself (include/linux/compiler.h,
/// offset_to_ptr).
inline Gva relative_to(Gva at, std::int32_t offset) {
  return at + static_cast<std::uint64_t>(std::int64_t{offset});
}

}  // namespace ringside::guest::linux
