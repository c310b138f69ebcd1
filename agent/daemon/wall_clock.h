// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"

namespace ringside::agent {

/// The present moment, as findings and events carry it.
inline Moment wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace ringside::agent
