// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <optional>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// A variable of a 32-bit kernel that neither kallsyms nor the exported symbols name: what the functions that
/// use it have in common. Their code holds its address. nullopt unless exactly one address that most of them
/// hold also looks like the variable (a list that closes, a string, a table of functions ...), and for
/// variables that are not known here.
std::optional<Gva> referenced_variable(Kernel& kernel, std::string_view variable);

/// The variables that are known here.
std::vector<std::string_view> referenced_variable_names();

}  // namespace ringside::guest::linux
