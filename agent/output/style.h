// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ringside::agent {

enum class ColorMode { automatic, always, never };

/// What the environment says about colour (no-color.org, and CLICOLOR_FORCE of bixense.com/clicolors).
struct ColorEnvironment {
  bool no_color = false;     ///< NO_COLOR is set and not empty
  bool force_color = false;  ///< CLICOLOR_FORCE is set and neither empty nor "0"
  static ColorEnvironment read();
};

/// Whether to colour: the option wins, then NO_COLOR, then CLICOLOR_FORCE, then whether it is a terminal.
bool use_color(ColorMode mode, const ColorEnvironment& environment, bool is_terminal);

/// Marks text up for a terminal, or leaves it as it is.
class Style {
 public:
  explicit Style(bool enabled = false) : enabled_(enabled) {}
  bool enabled() const { return enabled_; }
  std::string bold(std::string_view text) const { return wrap("1", text); }
  std::string dim(std::string_view text) const { return wrap("2", text); }
  std::string red(std::string_view text) const { return wrap("1;31", text); }
  std::string green(std::string_view text) const { return wrap("32", text); }
  std::string yellow(std::string_view text) const { return wrap("33", text); }

 private:
  std::string wrap(std::string_view code, std::string_view text) const;
  bool enabled_;
};

/// `text` with every control character and malformed UTF-8 byte as \xNN, so that words which come from a
/// guest cannot steer the terminal.
std::string printable(std::string_view text);

/// How many columns `text` takes on a terminal: code points, escape sequences of Style not counted.
std::size_t display_width(std::string_view text);

}  // namespace ringside::agent
