// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/database.h"
#include "policies/engine/yaml_reader.h"

#include <optional>
#include <string>

namespace ringside::policies {

/// Checks a whole statement; what is wrong becomes a diagnostic at its place in the file.
std::optional<StatementInfo> check_statement(Diagnosis& diagnosis, Database& database, const Scalar& sql);

/// Checks one expression over the columns of `table`. An expression is one also between parentheses, so that
/// a policy cannot close them and write another statement.
bool check_expression(Diagnosis& diagnosis, Database& database, const std::string& table, const Scalar& sql);

}  // namespace ringside::policies
