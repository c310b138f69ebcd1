// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/metrics.h"
#include "qmp/monitor.h"

#include <memory>

namespace ringside::agent {

/// `inner`, with each command that is given to it counted in `metrics`, which must outlive it.
std::unique_ptr<qmp::Monitor> metered(std::unique_ptr<qmp::Monitor> inner, Metrics& metrics);

}  // namespace ringside::agent
