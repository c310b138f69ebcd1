// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/guest_query.h"

#include "agent/policies.h"
#include "policies/engine/evaluator.h"

namespace ringside::agent {

Result<Json> answer_query(guest::Snapshot& snapshot, const std::string& sql) {
  RINGSIDE_TRY(auto database, policies::Database::create());
  auto info = database->describe(sql);
  if (!info) return fail(Errc::invalid_argument, info.error().message);
  if (auto bound = bind_needed_baseline(*database, *info, snapshot); !bound) return fail(bound.error().error);
  database->bind(&snapshot);
  policies::QueryLimits limits;
  limits.max_rows = 10'000;
  limits.cut = true;
  RINGSIDE_TRY(const auto answer, database->query(sql, limits));
  Json columns = Json::array(), rows = Json::array();
  for (const auto& column : answer.columns) columns.push_back(column.name);
  for (const auto& row : answer.rows) {
    Json cells = Json::array();
    for (std::size_t i = 0; i < row.size(); ++i) cells.push_back(json_cell(row[i], answer.columns[i].type));
    rows.push_back(std::move(cells));
  }
  return Json{{"columns", std::move(columns)}, {"rows", std::move(rows)}, {"incomplete", answer.incomplete}};
}

}  // namespace ringside::agent
