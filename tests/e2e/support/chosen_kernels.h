// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/program.h"

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace ringside::lab {

/// The kernels that the environment variable `name` lists, keys of scripts/lab/fetch-kernel; `otherwise`
/// where it is not set. "all": all that the script knows.
inline std::vector<std::string> chosen_kernels(const char* name, const std::string& otherwise) {
  const char* chosen = std::getenv(name);
  std::string list = chosen == nullptr ? otherwise : chosen;
  if (list == "all") {
    const auto known = run_program({RINGSIDE_SOURCE_DIR "/scripts/lab/fetch-kernel", "--list"});
    list = known ? known->out : "";
  }
  std::istringstream words(list);
  std::vector<std::string> all;
  for (std::string word; words >> word;) all.push_back(word);
  return all;
}

}  // namespace ringside::lab
