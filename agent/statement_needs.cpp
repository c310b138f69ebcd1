// SPDX-License-Identifier: Apache-2.0
#include "agent/statement_needs.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

Failure bad_sql(const std::string& sql, const policies::Database::SqlError& error) {
  std::string hint = "ringside tables NAME shows the columns of a table";
  if (error.offset >= 0 && static_cast<std::size_t>(error.offset) <= sql.size() &&
      sql.find('\n') == std::string::npos)
    hint = fmt::format("{}\n      {}^", sql, std::string(static_cast<std::size_t>(error.offset), ' '));
  return Failure({Errc::invalid_argument, "bad SQL: " + error.message, std::move(hint)}, Exit::usage);
}

guest::live::MsrSource needed_msrs(const policies::StatementInfo& info, guest::live::MsrSource wanted) {
  const bool needed = std::find(info.tables.begin(), info.tables.end(), "msrs") != info.tables.end();
  return needed ? wanted : guest::live::MsrSource::none;
}

}  // namespace ringside::agent
