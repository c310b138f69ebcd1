// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ringside::agent {

/// `text` as a literal of SQL: in single quotes, those inside doubled. It ends at a NUL, which no literal can
/// hold.
std::string sql_text(std::string_view text);

}  // namespace ringside::agent
