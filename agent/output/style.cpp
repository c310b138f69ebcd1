// SPDX-License-Identifier: Apache-2.0
#include "agent/output/style.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iterator>

namespace ringside::agent {

ColorEnvironment ColorEnvironment::read() {
  const char* no = std::getenv("NO_COLOR");
  const char* force = std::getenv("CLICOLOR_FORCE");
  return {.no_color = no != nullptr && *no != '\0',
          .force_color = force != nullptr && *force != '\0' && std::string_view(force) != "0"};
}

bool use_color(ColorMode mode, const ColorEnvironment& environment, bool is_terminal) {
  if (mode != ColorMode::automatic) return mode == ColorMode::always;
  if (environment.no_color) return false;
  return environment.force_color || is_terminal;
}

std::string Style::wrap(std::string_view code, std::string_view text) const {
  if (!enabled_ || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

namespace {

/// Length of the well-formed UTF-8 sequence that starts `text` and is no control character; 0 for anything
/// else. (RFC 3629; U+0080..U+009F are the C1 controls, which terminals obey.)
std::size_t printable_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (first == 0xc2 && byte(1) < 0xa0) return 0;  // C1 control
  if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogate
  if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (first == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
  return length;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = printable_sequence(text);
    if (length == 0)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[0]));
    else
      out.append(text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {  // "ESC [ ... m"
      while (i < text.size() && text[i] != 'm') ++i;
      continue;
    }
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) ++width;
  }
  return width;
}

}  // namespace ringside::agent
