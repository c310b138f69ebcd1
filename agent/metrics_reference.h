// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ringside::agent {

/// docs/metrics.md, from the families' own descriptions.
std::string metrics_markdown();

}  // namespace ringside::agent
