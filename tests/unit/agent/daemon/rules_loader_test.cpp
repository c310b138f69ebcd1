// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/rules_loader.h"

#include "tests/support/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ringside::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kPolicy =
    "apiVersion: ringside/v1\nkind: Policy\nmetadata: {name: mine, title: Mine}\n"
    "spec: {checks: [{id: one, title: One, table: vcpus, expect: wp}]}\n";

class RulesLoader : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(policies_);
    std::filesystem::create_directory(exceptions_);
    write(config_,
          "policies: {builtIn: [idt], paths: ['" + policies_ + "'], exceptions: ['" + exceptions_ + "']}\n");
  }
  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  LoadedRules load() const { return load_rules(config_, true); }

  testing::TemporaryDirectory folder_;
  const std::string config_ = folder_.file("ringside.yaml"), policies_ = folder_.file("policies.d"),
                    exceptions_ = folder_.file("exceptions.d");
};

TEST_F(RulesLoader, EmptyDirectoriesAreSaidAndNoError) {
  const auto loaded = load();
  EXPECT_THAT(loaded.errors, IsEmpty());
  ASSERT_NE(loaded.rules, nullptr);
  EXPECT_EQ(loaded.rules->policies.size(), 1u);
  EXPECT_THAT(loaded.notes, ElementsAre("no policy in " + policies_, "no exception in " + exceptions_));
}

TEST_F(RulesLoader, WhatIsPutThereLaterIsNoticed) {
  const auto before = load();
  const std::string fingerprint = fingerprint_of(before.files);
  EXPECT_EQ(fingerprint_of(before.files), fingerprint);
  write(policies_ + "/mine.yaml", kPolicy);
  EXPECT_NE(fingerprint_of(before.files), fingerprint);
  const auto after = load();
  ASSERT_NE(after.rules, nullptr);
  EXPECT_EQ(after.rules->policies.size(), 2u);
  EXPECT_THAT(after.notes, ElementsAre(HasSubstr("no exception in")));
}

TEST_F(RulesLoader, AFileThatIsNoPolicyFileLeavesADirectoryEmpty) {
  write(policies_ + "/README", "words");
  EXPECT_THAT(load().notes, ::testing::SizeIs(2));
}

TEST_F(RulesLoader, AMissingPathThatSomebodyNamedIsAnError) {
  std::filesystem::remove(policies_);
  const auto loaded = load();
  EXPECT_EQ(loaded.rules, nullptr);
  ASSERT_EQ(loaded.errors.size(), 1u);
  EXPECT_EQ(loaded.errors[0].file, policies_);
}

TEST_F(RulesLoader, AMissingDirectoryOfThePackageIsSaidAndComesLater) {
  std::vector<std::string> notes;
  std::filesystem::remove(policies_);
  EXPECT_THAT(without_empty({policies_, "/other"}, policies_, "policy", notes), ElementsAre("/other"));
  EXPECT_THAT(notes, ElementsAre(policies_ + " is not there: no policy of your own"));
  const std::string fingerprint = fingerprint_of({policies_});
  std::filesystem::create_directory(policies_);
  EXPECT_NE(fingerprint_of({policies_}), fingerprint);
  write(policies_ + "/mine.yaml", kPolicy);
  EXPECT_THAT(without_empty({policies_}, policies_, "policy", notes), ElementsAre(policies_));
}

TEST_F(RulesLoader, ThePackagesConfigurationNamesItsDirectories) {
  const auto read = load_config(RINGSIDE_SOURCE_DIR "/packaging/ringside.yaml", true);
  EXPECT_THAT(read.errors, IsEmpty());
  EXPECT_THAT(read.config.policies.paths, ElementsAre(std::string(kOwnPolicies)));
  EXPECT_THAT(read.config.policies.exceptions, ElementsAre(std::string(kOwnExceptions)));
}

}  // namespace
}  // namespace ringside::agent
