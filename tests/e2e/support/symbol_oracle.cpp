// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/symbol_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace ringside::lab {

std::vector<SymbolLine> parse_kallsyms(const std::string& text) {
  std::vector<SymbolLine> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.find('\t') != std::string::npos) continue;  // NAME TAB [OWNER]
    char* end = nullptr;
    const std::uint64_t address = std::strtoull(line.c_str(), &end, 16);
    if (*end != ' ' || end[1] == '\0' || end[2] != ' ') continue;
    lines.push_back({address, end[1], end + 3});
  }
  return lines;
}

std::vector<SymbolLine> symbols_of(const guest::linux::Kernel& kernel) {
  std::vector<SymbolLine> lines;
  for (std::size_t i = 0; i < kernel.symbols().size(); ++i) {
    guest::linux::Symbol symbol = kernel.symbols().symbol(i, kernel.slide());
    lines.push_back({symbol.address.value, symbol.type, std::move(symbol.name)});
  }
  return lines;
}

SymbolComparison compare_symbols(const std::vector<SymbolLine>& ours, const std::vector<SymbolLine>& theirs) {
  SymbolComparison result;
  const auto differs = [&](std::string what) {
    if (++result.differences <= 3) result.first += (result.first.empty() ? "" : "; ") + std::move(what);
  };
  if (theirs.size() != ours.size())
    differs(fmt::format("{} symbols instead of {}", ours.size(), theirs.size()));
  result.compared = std::min(theirs.size(), ours.size());
  for (std::size_t i = 0; i < result.compared; ++i) {
    const SymbolLine &mine = ours[i], &line = theirs[i];
    if (mine != line)
      differs(fmt::format("{}: {:x} {} {} instead of {:x} {} {}", i, mine.address, mine.type, mine.name,
                          line.address, line.type, line.name));
  }
  return result;
}

}  // namespace ringside::lab
