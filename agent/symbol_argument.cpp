// SPDX-License-Identifier: Apache-2.0
#include "agent/symbol_argument.h"

#include "guest/linux/symboliser.h"

#include <string>

namespace ringside::agent {

Result<guest::Gva> symbol_address(guest::linux::Kernel& kernel, std::string_view expression) {
  const auto plus = expression.find('+');
  std::uint64_t offset = 0;
  if (plus != std::string_view::npos) {
    const auto number = parse_number(expression.substr(plus + 1));
    if (!number)
      return fail(Errc::invalid_argument, "\"" + std::string(expression) + "\" is no symbol with an offset",
                  "write NAME or NAME+0x10");
    offset = *number;
  }
  const std::string name(expression.substr(0, plus));
  auto symbol = kernel.symbol(name);
  if (!symbol) {
    auto& symboliser = guest::linux::Symboliser::of(kernel);
    if (const auto in_module = symboliser.address(name)) return *in_module + offset;
    // It may be a symbol of a module that could not be read.
    if (!symboliser.problems().empty()) return fail(symboliser.problems().front().within(name));
    return fail(Errc::not_found, "neither this kernel nor a module of it has a symbol " + name);
  }
  return *symbol + offset;
}

Result<std::uint64_t> parse_address(std::string_view text) {
  const auto number = parse_number(text);
  if (!number)
    return fail(Errc::invalid_argument,
                text.empty() ? "no address was given" : "\"" + std::string(text) + "\" is no address",
                "write 4096 or 0x1000, or --symbol NAME");
  return *number;
}

Result<guest::Gva> address_or_symbol(guest::linux::Kernel& kernel, std::string_view text) {
  if (const auto number = parse_number(text)) return guest::Gva{*number};
  return symbol_address(kernel, text);
}

}  // namespace ringside::agent
