// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ringside::lab {

/// A line of /proc/kallsyms.
struct SymbolLine {
  std::uint64_t address = 0;
  char type = '?';
  std::string name;
  bool operator==(const SymbolLine&) const = default;
};
/// The symbols of the image that a guest's own /proc/kallsyms names (read by root with kptr_restrict 0);
/// those of modules, BPF and ftrace's trampolines are left out.
std::vector<SymbolLine> parse_kallsyms(const std::string& text);
/// The same as ringside sees them.
std::vector<SymbolLine> symbols_of(const guest::linux::Kernel& kernel);

struct SymbolComparison {
  std::size_t compared = 0;
  std::size_t differences = 0;  ///< in address, type or name, or on one side only
  std::string first;            ///< the first few of them, in words
};
SymbolComparison compare_symbols(const std::vector<SymbolLine>& ours, const std::vector<SymbolLine>& theirs);

}  // namespace ringside::lab
