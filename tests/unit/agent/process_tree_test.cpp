// SPDX-License-Identifier: Apache-2.0
#include "agent/output/process_tree.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace ringside::agent {
namespace {

using policies::Value;
using Rows = std::vector<std::vector<Value>>;

std::vector<Value> row(std::int64_t pid, std::int64_t parent, std::string name) {
  return {Value(pid), Value(parent), Value(std::move(name))};
}
std::vector<std::string> names(const Rows& rows) {
  std::vector<std::string> all;
  for (const auto& cells : rows) all.push_back(std::get<std::string>(cells[2]));
  return all;
}

TEST(ProcessTree, ChildrenFollowTheirParentIndented) {
  const auto tree = as_tree({row(1, 0, "init"), row(2, 0, "kthreadd"), row(3, 1, "sh"),
                             row(4, 2, "[kworker]"), row(5, 3, "sleep"), row(6, 1, "cron")},
                            0, 1, 2);
  EXPECT_EQ(names(tree), (std::vector<std::string>{"init", "\\_ sh", "  \\_ sleep", "\\_ cron", "kthreadd",
                                                   "\\_ [kworker]"}));
}

TEST(ProcessTree, LosesNoRowToALoopOrAMissingParent) {
  const auto tree = as_tree(
      {row(1, 2, "a"), row(2, 1, "b"), row(3, 3, "self"), row(4, 99, "orphan"), row(4, 4, "twin")}, 0, 1, 2);
  EXPECT_EQ(tree.size(), 5u);
  EXPECT_EQ(names(tree)[0], "orphan");
}

TEST(ProcessTree, IsAsWideAsALineAllowsHoweverDeepItIs) {
  Rows rows;
  for (std::int64_t i = 1; i <= 100'000; ++i) rows.push_back(row(i, i - 1, "p"));
  const auto tree = as_tree(std::move(rows), 0, 1, 2);
  ASSERT_EQ(tree.size(), 100'000u);
  EXPECT_LT(std::get<std::string>(tree.back()[2]).size(), 100u);
}

TEST(ProcessTree, UnknownParentsStartTreesOfTheirOwn) {
  Rows rows = {{Value(std::int64_t{7}), Value(), Value(std::string("a"))}};
  EXPECT_EQ(names(as_tree(std::move(rows), 0, 1, 2)), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace ringside::agent
