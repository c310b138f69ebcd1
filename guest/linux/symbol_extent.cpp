// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/symbol_extent.h"

#include <algorithm>

namespace ringside::guest::linux {

std::uint64_t bytes_to_next_symbol(const Kernel& kernel, Gva start, std::uint64_t most) {
  const auto& symbols = kernel.symbols();
  const auto slide = kernel.slide();
  auto next = symbols.at_or_before(start.value, slide);
  if (!next) return most;
  // Several symbols may stand at one address.
  while (*next < symbols.size() && symbols.address(*next, slide) <= start.value) ++*next;
  if (*next >= symbols.size()) return most;
  return std::min(most, symbols.address(*next, slide) - start.value);
}

}  // namespace ringside::guest::linux
