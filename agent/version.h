// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ringside::agent {

inline constexpr const char* kVersion = RINGSIDE_VERSION;

}  // namespace ringside::agent
