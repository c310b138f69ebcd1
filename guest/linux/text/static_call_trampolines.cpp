// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/static_call_trampolines.h"

#include <string>

namespace ringside::guest::linux {

void each_trampoline(Kernel& kernel,
                     const std::function<bool(Gva trampoline, std::optional<Gva> key)>& visit) {
  const SymbolTable& symbols = kernel.symbols();
  const auto first = kernel.find_symbol("__static_call_text_start"),
             end = kernel.find_symbol("__static_call_text_end");
  if (!first || !end) return;
  const auto index = symbols.at_or_before(first->value, kernel.slide());
  if (!index) return;
  std::string name;
  for (std::size_t i = *index; i < symbols.size(); ++i) {
    const Gva at{symbols.address(i, kernel.slide())};
    if (at >= *end) break;
    symbols.name(i, name);
    if (!name.starts_with(kTrampolinePrefix)) continue;
    const auto key =
        kernel.find_symbol(std::string(kStaticCallKeyPrefix) + name.substr(kTrampolinePrefix.size()));
    if (!visit(at, key)) break;
  }
}

}  // namespace ringside::guest::linux
