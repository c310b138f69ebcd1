// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/not_compared.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::guest::linux {

namespace {

/// " of modules a, b and 3 more"; names beyond the first few are in the tables.
std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 8;
  if (names.front().empty()) return {};
  std::string list = names.size() == 1 ? " of module " : " of modules ";
  for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i) list += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamed) list += fmt::format(" and {} more", names.size() - kNamed);
  return list;
}

}  // namespace

std::vector<Error> not_compared(std::string_view what,
                                const std::map<std::string, std::optional<Error>>& reason_by_module,
                                std::string_view beside) {
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& [module, why] : reason_by_module) {
    std::string reason;
    if (why) reason = ": " + why->message;
    // The message names the module, which would keep those apart that lack the same.
    if (!module.empty() && why && why->code == Errc::not_found)
      reason = ": no vendor's file was imported (ringside golden import)";
    by_reason[reason].push_back(module);
  }
  std::vector<Error> all;
  for (const auto& [reason, names] : by_reason)
    all.push_back({Errc::unavailable, fmt::format("{}{}{}{}", what, list_of(names), reason, beside)});
  return all;
}

}  // namespace ringside::guest::linux
