// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/policy_test/policy_test.h"
#include "policies/engine/yaml_reader.h"

#include <cstdint>
#include <optional>

namespace ringside::agent {

/// An entry of `patch`. What is wrong is said to `diagnosis`; what comes back is of no use then.
TestPatch read_patch(policies::Diagnosis& diagnosis, const YAML::Node& node);

/// Line of a node in its file, from 1.
unsigned line_of(const YAML::Node& node);

/// The number of a key; nullopt if it is not there or, said to `diagnosis`, is no number.
std::optional<std::uint64_t> read_number(policies::Diagnosis& diagnosis, const policies::Mapping& mapping,
                                         const char* key);

}  // namespace ringside::agent
