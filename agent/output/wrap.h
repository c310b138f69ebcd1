// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// Columns that a page for people is laid out for.
inline constexpr std::size_t kPageWidth = 100;

/// `text` in lines of at most `width` columns, broken at blanks; a word that is longer is broken where the
/// line ends. `text` holds no control characters. At least one line, which may be empty.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

}  // namespace ringside::agent
