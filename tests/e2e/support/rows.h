// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/database.h"

#include <string>
#include <vector>

namespace ringside::lab {

/// Rows as text, cells between bars, NULL as such: so that what a table says can be held against what a guest
/// says.
using Rows = std::vector<std::string>;

/// A query, and what the guest's own /proc answers to it.
struct Question {
  std::string what, sql;
  Rows answer;
};

std::string join(const std::vector<std::string>& cells);
/// The answer to a query. Fails the test if there is none or if it is not the whole truth.
Rows select(policies::Database& database, const std::string& sql);
/// Fails the test with the rows that are on one side only. In any order.
void expect_same_rows(const std::string& what, Rows ours, Rows theirs);

void expect_answered(policies::Database& database, const Question& question);

}  // namespace ringside::lab
