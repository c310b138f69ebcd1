// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/check.h"

#include "agent/output/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace ringside::agent::doctor {

namespace {

std::string_view word(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::problem:
      return "problem";
    case Verdict::unknown:
      break;
  }
  return "unknown";
}

}  // namespace

std::string render(const std::vector<Check>& checks, const Style& style) {
  std::size_t width = 0;
  for (const Check& check : checks) width = std::max(width, check.id.size());
  std::string out;
  for (const Check& check : checks) {
    const std::string padded = fmt::format("{:<7}", word(check.verdict));
    out += fmt::format("{}  {:<{}}  {}\n",
                       check.verdict == Verdict::ok        ? style.green(padded)
                       : check.verdict == Verdict::problem ? style.red(padded)
                                                           : style.yellow(padded),
                       check.id, width, printable(check.finding));
    if (!check.hint.empty()) out += fmt::format("{:{}}  do: {}\n", "", 9 + width, printable(check.hint));
  }
  return out;
}

Json to_json(const std::vector<Check>& checks) {
  Json list = Json::array();
  for (const Check& check : checks)
    list.push_back({{"id", check.id},
                    {"verdict", word(check.verdict)},
                    {"finding", check.finding},
                    {"hint", check.hint.empty() ? Json() : Json(check.hint)}});
  return list;
}

Exit exit_of(const std::vector<Check>& checks) {
  constexpr std::array<std::string_view, 3> kNeeded{"target", "monitor", "memory"};
  Exit exit = Exit::clean;
  for (const Check& check : checks) {
    if (check.verdict == Verdict::ok) continue;
    const bool needed = std::find(kNeeded.begin(), kNeeded.end(), check.id) != kNeeded.end();
    if (needed && check.verdict == Verdict::problem) return Exit::not_attached;
    exit = Exit::unchecked;
  }
  return exit;
}

}  // namespace ringside::agent::doctor
