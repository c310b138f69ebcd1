// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/lab/guest.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace ringside::lab {

/// Runs the built program on `guest`: `ringside VERB TARGET REST...`, with its state in the guest's folder.
/// A verb of two words is given as "baseline save".
inline Finished ringside(const Guest& guest, const std::string& verb,
                         const std::vector<std::string>& rest = {}) {
  std::vector<std::string> command = {RINGSIDE_PROGRAM};
  if (const auto space = verb.find(' '); space == std::string::npos) {
    command.push_back(verb);
  } else {
    command.push_back(verb.substr(0, space));
    command.push_back(verb.substr(space + 1));
  }
  command.push_back(guest.monitor_socket());
  command.insert(command.end(), rest.begin(), rest.end());
  auto finished = run_program(command, {"RINGSIDE_STATE_DIR=" + guest.folder().file("state"), "NO_COLOR=1"});
  EXPECT_TRUE(finished.has_value());
  return finished ? *finished : Finished{-1, "", ""};
}

/// For messages: what was run and what it said.
inline std::string said(const Finished& finished) {
  return finished.out + finished.err;
}

}  // namespace ringside::lab
