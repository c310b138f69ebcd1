// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <array>
#include <cstddef>
#include <string_view>

// The token table of kallsyms: what each byte of a compressed name stands for (scripts/kallsyms.c).
namespace ringside::guest::linux {

/// Text of the 256 tokens, in the bytes that they were read from.
using KallsymsTokens = std::array<std::string_view, 256>;

inline constexpr std::size_t kTokenIndexSize = 256 * sizeof(std::uint16_t);
/// Longest token that is taken; the longest in a real kernel are some 30 characters.
inline constexpr std::size_t kMaxToken = 255;

/// Where kallsyms_token_table and kallsyms_token_index stand.
struct TokenTables {
  std::size_t table = 0, index = 0;
};

/// The tables around a signature (see find_kallsyms_signature()); `not_found` if there are none.
Result<TokenTables> find_tokens(ByteView window, std::size_t signature);

/// The tokens; `malformed` unless index and table agree exactly and all tokens are printable.
Result<KallsymsTokens> read_tokens(ByteView window, TokenTables at);

}  // namespace ringside::guest::linux
