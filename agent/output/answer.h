// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "agent/output/style.h"
#include "policies/engine/database.h"

#include <optional>
#include <string>
#include <string_view>

namespace ringside::agent {

/// How the answer to a query is written.
enum class AnswerMode { table, json, csv };
std::string_view to_string(AnswerMode mode);
std::optional<AnswerMode> parse_answer_mode(std::string_view name);

/// {"guest": ..., "columns": [...], "rows": [...], "incomplete": [...]}
Json answer_json(const guest::GuestInfo& info, const policies::QueryResult& result);

/// A heading and a line a row (RFC 4180, with line feeds). NULL is empty, addresses are hexadecimal, booleans
/// true or false; control characters are written as printable() does.
std::string answer_csv(const policies::QueryResult& result);

/// The answer in `mode`, with its last line break; JSON on one line.
std::string render_answer(AnswerMode mode, const guest::GuestInfo& info, const policies::QueryResult& result,
                          const Style& style);

}  // namespace ringside::agent
