// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/carry_report.h"

#include "policies/engine/database.h"
#include "policies/engine/portable_rows.h"

#include <algorithm>
#include <set>

namespace ringside::policies {

namespace {

using How = CheckCarried::How;

/// Tables that compare code with the baseline's.
bool compares_code(const std::vector<std::string>& tables) {
  return std::any_of(tables.begin(), tables.end(), [](const std::string& table) {
    return table == "kernel_text_changes" || table == "module_text_changes";
  });
}

std::string quoted(std::string_view name) {
  return "\"" + std::string(name) + "\"";
}

std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// What of the rows that an `unchanged` check selects is portable. The (text) cell that decides also says in
/// words which rows are not.
CheckCarried of_unchanged(const Unchanged& unchanged, const PortableTable& portable, Database& database) {
  CheckCarried result;
  std::string select = portable.decides.empty() ? "NULL" : quoted(portable.decides);
  std::string sql = "SELECT DISTINCT " + select + " FROM baseline." + unchanged.table;
  if (!unchanged.where.empty()) sql += " WHERE (" + unchanged.where + "\n)";
  const auto rows = database.query(sql);
  if (!rows) {
    result.why = rows.error().message;
    return result;
  }
  std::set<std::string> anew;
  bool any = false;
  for (const auto& row : rows->rows) {
    const auto* decider = std::get_if<std::string>(&row[0]);
    for (const auto& column : unchanged.columns) {
      if (portable.of(column, decider == nullptr ? std::string_view() : *decider) != Portability::boot)
        any = true;
      else
        anew.insert(decider == nullptr ? column : column + " of " + *decider);
    }
  }
  result.how = anew.empty() && any ? How::all : any ? How::part : How::none;
  if (!anew.empty()) result.why = joined(anew) + (anew.size() == 1 ? " belongs" : " belong") + " to one boot";
  return result;
}

CheckCarried of_check(const Check& check, const Carried& carried, Database& database) {
  CheckCarried result;
  if (!check.unchanged) {
    std::set<std::string> part, none;
    for (const auto& name : check.baseline_tables) (carried.tables.contains(name) ? part : none).insert(name);
    result.how = part.empty() ? How::none : How::part;
    result.why = part.empty() ? "" : "as far as what its query takes of " + joined(part) + " is portable";
    for (const auto& name : none) {
      const auto reason = carried.anew.find(name);
      result.why += (result.why.empty() ? "" : "; ") + name + ": " +
                    (reason == carried.anew.end() ? "no baseline holds it" : reason->second);
    }
    return result;
  }
  const std::string& name = check.unchanged->table;
  const PortableTable* portable = portable_table(name);
  const auto note = carried.tables.find(name);
  if (portable == nullptr || note == carried.tables.end()) {
    const auto reason = carried.anew.find(name);
    result.why = name + ": " + (reason == carried.anew.end() ? "no baseline holds it" : reason->second);
    return result;
  }
  result = of_unchanged(*check.unchanged, *portable, database);
  if (!note->second.empty() && result.how != How::none) {
    result.how = How::part;
    result.why += (result.why.empty() ? "" : "; ") + note->second;
  }
  return result;
}

}  // namespace

std::string_view to_string(How how) {
  switch (how) {
    case How::all:
      return "all";
    case How::part:
      return "part";
    case How::none:
      return "none";
  }
  return "?";
}

Result<std::vector<CheckCarried>> carry_report(const Baseline& baseline, const std::vector<Policy>& policies,
                                               guest::Snapshot& snapshot) {
  std::vector<CheckCarried> all;
  if (!baseline.boot || !baseline.boot->carried) return all;
  RINGSIDE_TRY(auto database, Database::create());
  database->bind(&snapshot);
  RINGSIDE_CHECK(database->bind_baseline(&baseline));
  for (const auto& policy : policies)
    for (const auto& check : policy.checks) {
      const auto info = database->describe(check.query);
      const bool code = info && compares_code(info->tables);
      if (!check.needs_baseline() && !code) continue;
      CheckCarried one;
      if (check.needs_baseline())
        one = of_check(check, *baseline.boot->carried, *database);
      else
        one.why =
            "code is relocated and patched at each boot; the vendor's (ringside golden import) outlives it";
      one.policy = policy.name;
      one.check = check.id;
      all.push_back(std::move(one));
    }
  return all;
}

}  // namespace ringside::policies
