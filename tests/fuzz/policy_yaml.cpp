// SPDX-License-Identifier: Apache-2.0
// A policy file is written by people, but may come from anywhere: every text gives policies or diagnostics.

#include "policies/engine/policy.h"

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto set = ringside::policies::load_policy_text("fuzz.yaml", text);
  if (set.errors.empty() == set.policies.empty()) std::abort();  // one or the other, never both or none
  for (const auto& error : set.errors)
    if (render(error, false).empty() || error.line == 0 || error.column == 0) std::abort();
  return 0;
}
