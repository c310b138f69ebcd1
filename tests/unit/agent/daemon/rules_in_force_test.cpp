// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/rules_in_force.h"

#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace ringside::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RulesThatAreInForce : public ::testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(config_) << text; }

  testing::TemporaryDirectory folder_;
  const std::string config_ = folder_.file("ringside.yaml");
  RulesInForce rules_{config_, true};
};

TEST_F(RulesThatAreInForce, ThereAreNoneBeforeAFileIsRight) {
  EXPECT_THAT(rules_.load(), SizeIs(1)) << "the file is not there";
  EXPECT_EQ(rules_.get(), nullptr);
}

TEST_F(RulesThatAreInForce, WrongFilesLeaveThoseOfBefore) {
  write("policies: {builtIn: [idt]}\n");
  ASSERT_THAT(rules_.load(), IsEmpty());
  const auto before = rules_.get();
  ASSERT_THAT(before->policies, SizeIs(1));
  EXPECT_FALSE(rules_.files_changed());
  const auto loaded_at = rules_.account().loaded_at;

  write("policies: {builtIn: [idt, gdt], nonsense: 1}\n");
  EXPECT_TRUE(rules_.files_changed());
  EXPECT_THAT(rules_.load(), SizeIs(1));
  EXPECT_EQ(rules_.get(), before);
  EXPECT_THAT(rules_.account().error, HasSubstr("nonsense"));
  EXPECT_EQ(rules_.account().loaded_at, loaded_at);
  EXPECT_FALSE(rules_.files_changed()) << "told once for one change";

  write("policies: {builtIn: [idt, gdt]}\n");
  ASSERT_THAT(rules_.load(), IsEmpty());
  EXPECT_THAT(rules_.get()->policies, SizeIs(2));
  EXPECT_THAT(before->policies, SizeIs(1)) << "whoever holds them goes on with them";
  EXPECT_THAT(rules_.account().error, IsEmpty());
}

}  // namespace
}  // namespace ringside::agent
