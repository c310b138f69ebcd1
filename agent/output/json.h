// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "policies/engine/database.h"
#include "policies/tables/table.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace ringside::agent {

/// Keys stay in the order in which they were written.
using Json = nlohmann::ordered_json;

/// "0x..." as a string: JSON numbers lose bits above 2^53 in most readers.
Json json_address(std::uint64_t value);
/// A cell by its column's type: addresses are hex strings, booleans true or false, NULL null.
Json json_cell(const policies::Value& value, policies::ColumnType type);
/// A row as an object by column name.
Json json_row(const std::vector<policies::QueryColumn>& columns, const std::vector<policies::Value>& row);
Json json_error(const Error& error);

/// One document, indented.
void write_document(std::ostream& out, const Json& document);
/// One line (NDJSON), flushed.
void write_line(std::ostream& out, const Json& document);

}  // namespace ringside::agent
