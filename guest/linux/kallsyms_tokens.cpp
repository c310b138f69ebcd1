// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kallsyms_tokens.h"

#include "guest/linux/kallsyms.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace ringside::guest::linux {
namespace {

constexpr std::string_view kSignature{"0\0001\0002\0003\0004\0005\0006\0007\0008\0009\000", 20};
constexpr std::size_t kFirstDigit = '0';

bool printable(std::string_view token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Length of the token at `at`, without its NUL; 0 if there is none.
std::size_t token_length(ByteView window, std::size_t at) {
  if (at >= window.size()) return 0;
  const std::size_t most = std::min(kMaxToken + 1, window.size() - at);
  const void* nul = std::memchr(window.data() + at, 0, most);
  return nul == nullptr ? 0 : static_cast<std::size_t>(static_cast<const std::byte*>(nul) - &window[at]);
}

}  // namespace

std::optional<std::size_t> find_kallsyms_signature(ByteView window, std::size_t from) {
  if (from >= window.size()) return std::nullopt;
  const void* found =
      memmem(window.data() + from, window.size() - from, kSignature.data(), kSignature.size());
  if (found == nullptr) return std::nullopt;
  return static_cast<std::size_t>(static_cast<const std::byte*>(found) - window.data());
}

Result<TokenTables> find_tokens(ByteView window, std::size_t signature) {
  // From "0" on, forwards: what stands before the first token need not be a NUL.
  std::array<std::size_t, 256> from_zero{};
  std::size_t at = signature;
  for (std::size_t i = kFirstDigit; i < 256; ++i) {
    const std::size_t length = token_length(window, at);
    if (length == 0) return fail(Errc::not_found, "no token table: it ends before its 256th token");
    from_zero[i] = at - signature;
    at += length + 1;
  }
  for (std::size_t index = (at + 3) & ~std::size_t{3}; index < at + 16; index += 4) {
    if (index > window.size() || window.size() - index < kTokenIndexSize) break;
    const auto entry = [&](std::size_t i) {
      return std::size_t{*load_le<std::uint16_t>(window, index + 2 * i)};
    };
    const std::size_t zero = entry(kFirstDigit);
    std::size_t i = kFirstDigit;
    while (i < 256 && entry(i) == zero + from_zero[i]) ++i;
    if (i == 256 && zero <= signature) return TokenTables{signature - zero, index};
  }
  return fail(Errc::not_found, "no token index after the token table");
}

Result<KallsymsTokens> read_tokens(ByteView window, TokenTables at) {
  if (at.index > window.size() || window.size() - at.index < kTokenIndexSize || at.table > at.index)
    return fail(Errc::malformed, "the token tables do not lie in the window");
  KallsymsTokens tokens;
  std::size_t expected = 0;
  for (std::size_t i = 0; i < 256; ++i) {
    if (*load_le<std::uint16_t>(window, at.index + 2 * i) != expected)
      return fail(Errc::malformed, "token table and token index disagree");
    const std::size_t start = at.table + expected, length = token_length(window, start);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    tokens[i] = {reinterpret_cast<const char*>(window.data()) + start, length};
    if (length == 0 || !printable(tokens[i]))
      return fail(Errc::malformed, "a token of the token table is empty or no text");
    expected += length + 1;
  }
  if (tokens['a'] != "a" || tokens['_'] != "_")
    return fail(Errc::malformed, "tokens `a` and `_` do not stand for themselves");
  return tokens;
}

}  // namespace ringside::guest::linux
