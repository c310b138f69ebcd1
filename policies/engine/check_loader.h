// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/database.h"
#include "policies/engine/policy.h"
#include "policies/engine/yaml_reader.h"

#include <optional>
#include <string>
#include <vector>

namespace ringside::policies {

/// Reads one check; its SQL is compiled and prepared on `database`. `policy` gives what the check leaves out.
Check load_check(Diagnosis& diagnosis, Database& database, const YAML::Node& node, const Policy& policy);

/// A name of small letters, digits and hyphens.
std::optional<std::string> read_name(Diagnosis& diagnosis, const Mapping& mapping, std::string_view key);
std::optional<Severity> read_severity(Diagnosis& diagnosis, const Mapping& mapping);
/// MITRE ATT&CK technique ids: T1014, T1547.006.
std::vector<std::string> read_attack(Diagnosis& diagnosis, const Mapping& mapping);

}  // namespace ringside::policies
