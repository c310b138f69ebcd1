// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringside::agent {

/// Why the guest of a QEMU in this run state (QEMU qapi/run-state.json, RunState) is not there to be judged:
/// its state has not arrived, or went elsewhere and what is left is a copy of before. nullopt: it is there,
/// running or not.
std::optional<std::string> guest_is_elsewhere(std::string_view run_state);

}  // namespace ringside::agent
