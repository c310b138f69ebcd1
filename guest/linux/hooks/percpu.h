// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

#include <functional>
#include <string_view>

namespace ringside::guest::linux {

/// Visits the per-CPU variable `symbol` of every CPU that the kernel has set up. Problems go to `into`; a
/// kernel without the variable has none.
void each_cpu(Kernel& kernel, std::string_view symbol, Hooks& into,
              const std::function<void(Gva variable, unsigned cpu)>& visit);

/// Bytes of a per-CPU variable: by the kernel's types, or up to the next variable, at most `most`.
Result<std::uint64_t> size_of_variable(Kernel& kernel, std::string_view name, std::uint64_t most);

}  // namespace ringside::guest::linux
