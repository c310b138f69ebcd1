// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/database.h"
#include "policies/engine/policy.h"

#include <string>
#include <string_view>
#include <vector>

namespace ringside::policies {

/// Which violation this is, whatever its values are now: 16 hexadecimal digits of a SHA-256 over the policy's
/// name, the check's id and the check's key columns.
std::string fingerprint(const Policy& policy, const Check& check, const std::vector<QueryColumn>& columns,
                        const std::vector<Value>& row);

/// The same with what the row says of its object's place and content: the values of its columns of addresses
/// and bytes, those left out that change all the time. Two looks that give the same saw the same thing.
std::string identity(std::string_view fingerprint, const std::vector<QueryColumn>& columns,
                     const std::vector<Value>& row);

}  // namespace ringside::policies
