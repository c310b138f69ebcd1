// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// Tells of modules that could not be compared, those with the same reason together:
/// "`what` of modules a, b and 3 more: no vendor's file of that build was imported". A module with the name
/// "" is the kernel image and has no name in the text. `beside`: more that is to be said with each.
std::vector<Error> not_compared(std::string_view what,
                                const std::map<std::string, std::optional<Error>>& reason_by_module,
                                std::string_view beside = {});

}  // namespace ringside::guest::linux
