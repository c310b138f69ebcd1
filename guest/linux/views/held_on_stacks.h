// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace ringside::guest::linux {

/// Whether a task is at work with something: on the part of its stack that is in use stand a return address
/// into one of `functions`, and a word that `is_it` takes. What an interrupt has stopped has its registers
/// there too. nullopt: none was found, but not all tasks could be listed, as while the list changes. Looks at
/// 16384 threads at most; `is_it` is asked about each word of a stack once.
std::optional<bool> held_on_a_stack(Kernel& kernel, std::span<const std::string_view> functions,
                                    const std::function<bool(Gva word)>& is_it);

}  // namespace ringside::guest::linux
