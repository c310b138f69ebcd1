// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/database.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::policies {

/// A cell as a person reads it: addresses in hexadecimal, booleans as yes and no, NULL as "-".
std::string show(const Value& value, ColumnType type);

/// A place in a message template where a column's value goes.
struct Placeholder {
  std::size_t start = 0, end = 0;  ///< bytes of the template, braces included
  std::string name;                ///< "handler" of "{{ handler }}"
};
/// The placeholders of `text`. `unclosed` becomes the place of a "{{" without "}}", or npos.
std::vector<Placeholder> placeholders(std::string_view text, std::size_t& unclosed);

/// The template with the values of one row. A column that is not there stays as it was written.
std::string fill_message(std::string_view text, const std::vector<QueryColumn>& columns,
                         const std::vector<Value>& row);

}  // namespace ringside::policies
