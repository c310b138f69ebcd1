// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::policies {

namespace {

/// A policy file may hold anything; a terminal gets no control characters of it.
std::string printable(std::string_view text) {
  std::string safe(text);
  for (char& c : safe)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) c = '?';
  return safe;
}

}  // namespace

std::string render(const Diagnostic& diagnostic, bool color) {
  const std::string_view bold = color ? "\033[1m" : "", red = color ? "\033[1;31m" : "",
                         blue = color ? "\033[1;34m" : "", reset = color ? "\033[0m" : "";
  std::string text = fmt::format("{}{}:{}:{}: {}error:{} {}{}{}\n", bold, diagnostic.file, diagnostic.line,
                                 diagnostic.column, red, reset, bold, printable(diagnostic.message), reset);
  if (!diagnostic.source_line.empty()) {
    const std::string line = printable(diagnostic.source_line);
    // Tabs stay tabs, so that the caret stands under its column whatever their width.
    std::string indent;
    for (std::size_t i = 0; i + 1 < diagnostic.column && i < line.size(); ++i)
      indent += line[i] == '\t' ? '\t' : ' ';
    text += fmt::format("{}{:5} |{} {}\n", blue, diagnostic.line, reset, line);
    text += fmt::format("{}      |{} {}{}^{}\n", blue, reset, indent, red, reset);
  }
  if (!diagnostic.hint.empty())
    text += fmt::format("{}      ={} hint: {}\n", blue, reset, printable(diagnostic.hint));
  return text;
}

}  // namespace ringside::policies
