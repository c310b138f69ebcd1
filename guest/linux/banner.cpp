// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/banner.h"

#include <algorithm>
#include <charconv>

namespace ringside::guest::linux {

namespace {

constexpr std::string_view kStart = "Linux version ";
constexpr std::size_t kMaxBanner = 512, kMaxRelease = 64;  // __NEW_UTS_LEN

/// Takes the number at the start of `text`, at most 3 digits.
bool take_number(std::string_view& text, unsigned& value) {
  const auto end = std::min<std::size_t>(text.size(), 3);
  const auto [rest, error] = std::from_chars(text.data(), text.data() + end, value);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return true;
}

}  // namespace

Result<Banner> parse_banner(std::string_view text) {
  text = text.substr(0, text.find_first_of(std::string_view("\0\n", 2)));
  if (!text.starts_with(kStart)) return fail(Errc::malformed, "this is no Linux banner");
  if (text.size() > kMaxBanner) return fail(Errc::malformed, "the Linux banner is longer than any kernel's");
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }))
    return fail(Errc::malformed, "the Linux banner holds bytes that are no text");
  const std::string_view rest = text.substr(kStart.size());
  const std::string_view release = rest.substr(0, rest.find(' '));
  Banner banner{std::string(text), std::string(release)};
  std::string_view numbers = release;
  if (release.size() > kMaxRelease || !take_number(numbers, banner.major) || !numbers.starts_with('.'))
    return fail(Errc::malformed, "the Linux banner names no release");
  numbers.remove_prefix(1);
  if (!take_number(numbers, banner.minor)) return fail(Errc::malformed, "the Linux banner names no release");
  const auto version = text.rfind(" #");
  banner.numbered = version != text.npos && text.substr(version + 2, 1).find_first_of("0123456789") == 0;
  return banner;
}

}  // namespace ringside::guest::linux
