// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringside::guest::linux {

/// The four heads that a notifier chain may have (include/linux/notifier.h).
enum class ChainKind : std::uint8_t { raw, atomic, blocking, srcu };

/// The struct of such a head.
std::string_view type_of(ChainKind kind);

/// The kind of the chain that the kernel or one of its modules calls so, by the name of its variable;
/// nullopt: none of that name is known. Where releases differ: the kind that needs more memory.
std::optional<ChainKind> known_chain(std::string_view variable);

/// Whether a variable of that name may be a chain that is not known by name.
bool may_be_chain(std::string_view variable);

}  // namespace ringside::guest::linux
