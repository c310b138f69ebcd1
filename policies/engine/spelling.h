// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::policies {

/// The candidate that `word` was most likely meant to be; nullopt if none is near.
std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& candidates);

/// "did you mean `expect`?", or "one of: a, b, c" if nothing is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace ringside::policies
