// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace ringside::agent {

/// What makes version n of the state database of version n - 1, beginning with version 1 of nothing. Only
/// ever append: what stands here is in users' files.
std::span<const char* const> state_migrations();

}  // namespace ringside::agent
