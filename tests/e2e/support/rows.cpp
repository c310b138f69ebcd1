// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <iterator>

namespace ringside::lab {
namespace {

std::string text_of(const policies::Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return "NULL";
}

std::string some(const Rows& rows) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), 8); ++i) text += "\n    " + rows[i];
  return fmt::format("{}{}", rows.size(), text);
}

}  // namespace

std::string join(const std::vector<std::string>& cells) {
  std::string row;
  for (const std::string& cell : cells) row += (row.empty() ? "" : "|") + cell;
  return row;
}

Rows select(policies::Database& database, const std::string& sql) {
  Rows rows;
  const auto result = database.query(sql);
  if (!result) {
    ADD_FAILURE() << sql << ": " << result.error().message;
    return rows;
  }
  for (const std::string& why : result->incomplete) ADD_FAILURE() << sql << ": " << why;
  for (const auto& row : result->rows) {
    std::vector<std::string> cells;
    std::ranges::transform(row, std::back_inserter(cells), text_of);
    rows.push_back(join(cells));
  }
  return rows;
}

void expect_same_rows(const std::string& what, Rows ours, Rows theirs) {
  std::ranges::sort(ours);
  std::ranges::sort(theirs);
  Rows only_ours, only_theirs;
  std::ranges::set_difference(ours, theirs, std::back_inserter(only_ours));
  std::ranges::set_difference(theirs, ours, std::back_inserter(only_theirs));
  EXPECT_FALSE(theirs.empty()) << what << ": the guest said nothing";
  EXPECT_TRUE(only_ours.empty() && only_theirs.empty())
      << what << ": rows of ringside that the guest does not have: " << some(only_ours)
      << "\n  rows of the guest that ringside does not have: " << some(only_theirs);
  std::cout << fmt::format("  {}: {} rows, {} and {} differ\n", what, theirs.size(), only_ours.size(),
                           only_theirs.size());
}

void expect_answered(policies::Database& database, const Question& question) {
  expect_same_rows(question.what, select(database, question.sql), question.answer);
}

}  // namespace ringside::lab
