// SPDX-License-Identifier: Apache-2.0
#include "agent/start_up_text.h"

#include "agent/output/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace ringside::agent {

namespace {

/// "a, b and 3 more": all of them are in the JSON.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 8;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i) list += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamed) list += fmt::format(" and {} more", names.size() - kNamed);
  return list;
}

}  // namespace

Json start_up_json(const std::optional<policies::StartUp>& start_up) {
  if (!start_up) return nullptr;
  return {{"learned", start_up->learned ? Json(rfc3339(*start_up->learned)) : Json()},
          {"code", start_up->code},
          {"tables", start_up->tables}};
}

std::string added_by(const policies::StartUp& start_up) {
  std::string text;
  if (!start_up.code.empty()) text = "code of " + some_of(start_up.code);
  if (!start_up.tables.empty()) text += (text.empty() ? "" : ", ") + ("rows of " + some_of(start_up.tables));
  return text.empty() ? "nothing" : text;
}

}  // namespace ringside::agent
