// SPDX-License-Identifier: Apache-2.0
#include "agent/cli.h"
#include "agent/output/json.h"

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace ringside::agent {
namespace {

struct Ran {
  int exit;
  std::string out, err;
};

Ran ringside(const std::vector<std::string>& arguments) {
  std::ostringstream out, err;
  Context context(out, err);
  const int exit = run(arguments, context);
  return {exit, out.str(), err.str()};
}

/// Every verb and verb of a verb, as the words that name it.
void collect(const CLI::App& app, const std::vector<std::string>& words,
             std::vector<std::vector<std::string>>& all) {
  for (const CLI::App* verb : app.get_subcommands({})) {
    auto longer = words;
    longer.push_back(verb->get_name());
    all.push_back(longer);
    collect(*verb, longer, all);
  }
}

std::vector<std::vector<std::string>> all_verbs() {
  std::ostringstream sink;
  Context context(sink, sink);
  std::vector<std::vector<std::string>> all;
  collect(*make_app(context), {}, all);
  return all;
}

TEST(CommandLine, HasTheVerbs) {
  std::vector<std::string> names;
  for (const auto& words : all_verbs()) {
    std::string name;
    for (const auto& word : words) name += (name.empty() ? "" : " ") + word;
    names.push_back(name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"inspect",
                                             "registers",
                                             "msrs",
                                             "gdt",
                                             "idt",
                                             "ps",
                                             "maps",
                                             "files",
                                             "mounts",
                                             "modules",
                                             "dmesg",
                                             "translate",
                                             "read",
                                             "symbols",
                                             "syscalls",
                                             "tables",
                                             "query",
                                             "shell",
                                             "snapshot",
                                             "snapshot save",
                                             "snapshot show",
                                             "baseline",
                                             "baseline save",
                                             "baseline show",
                                             "baseline diff",
                                             "baseline rm",
                                             "baseline accept",
                                             "golden",
                                             "golden import",
                                             "golden list",
                                             "golden remove",
                                             "scan",
                                             "policy",
                                             "policy list",
                                             "policy show",
                                             "policy check",
                                             "policy test",
                                             "policy explain",
                                             "agent",
                                             "status",
                                             "health",
                                             "guests",
                                             "findings",
                                             "findings list",
                                             "findings show",
                                             "findings ack",
                                             "findings export",
                                             "watch",
                                             "evidence",
                                             "evidence ls",
                                             "evidence show",
                                             "evidence verify",
                                             "evidence export",
                                             "write",
                                             "restore",
                                             "doctor",
                                             "completion",
                                             "version"}));
}

TEST(CommandLine, EveryVerbExplainsItselfWithAnExample) {
  for (auto words : all_verbs()) {
    words.push_back("--help");
    const Ran help = ringside(words);
    EXPECT_EQ(help.exit, 0) << words[0];
    EXPECT_NE(help.out.find("Example:\n  ringside " + words[0]), std::string::npos) << help.out;
    EXPECT_EQ(help.err, "") << words[0];
  }
}

TEST(CommandLine, VerbsThatAnswerOfferJson) {
  for (auto words : all_verbs()) {
    if (words.size() == 1 && (words[0] == "snapshot" || words[0] == "baseline" || words[0] == "golden" ||
                              words[0] == "policy" || words[0] == "evidence"))
      continue;
    words.push_back("--help");
    EXPECT_NE(ringside(words).out.find("--json"), std::string::npos) << words[0];
  }
}

TEST(CommandLine, PrintsItsVersion) {
  EXPECT_TRUE(ringside({"--version"}).out.starts_with("ringside "));
  const Ran version = ringside({"version", "--json"});
  EXPECT_EQ(version.exit, 0);
  EXPECT_TRUE(Json::parse(version.out).contains("version"));
}

TEST(CommandLine, UsageErrorsExitWith2AndSayWhereHelpIs) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"no-such-verb"},
                                                    {"idt"},
                                                    {"idt", "x", "--no-such-option"},
                                                    {"read", "x", "zz", "1"},
                                                    {"scan", "x", "--every", "soon"},
                                                    {"inspect", "x", "--memory", "magic"},
                                                    {"inspect", "x", "--msrs", "magic"},
                                                    {"inspect", "x", "--color", "red"},
                                                    {"baseline"},
                                                    {"scan", "x", "--count", "3"},
                                                    {"scan", "x", "--confirm", "soon"},
                                                    {"scan", "x", "--confirm", "5s", "--no-confirm"},
                                                    {"scan", "x", "--policy", "no-such-policy"},
                                                    {"policy", "show", "no-such-policy"},
                                                    {"idt", "x", "-v", "-q"},
                                                    {"inspect", "tls:h:1", "--tls-cert", "c"}}) {
    const Ran ran = ringside(arguments);
    EXPECT_EQ(ran.exit, 2) << (arguments.empty() ? "" : arguments[0]);
    EXPECT_EQ(ran.out, "");
    EXPECT_TRUE(ran.err.starts_with("ringside: error: ")) << ran.err;
  }
}

TEST(CommandLine, ErrorsAreOneJsonLineOnStderrWithJson) {
  const Ran usage = ringside({"idt", "--json"});
  EXPECT_EQ(Json::parse(usage.err)["error"]["exit"], 2);
  const Ran attach = ringside({"idt", "/no/such/socket", "--json"});
  EXPECT_EQ(attach.exit, 5);
  EXPECT_EQ(attach.out, "");
  const Json error = Json::parse(attach.err)["error"];
  EXPECT_EQ(error["code"], "refused");
  EXPECT_EQ(error["exit"], 5);
}

TEST(CommandLine, ATargetThatCannotBeReachedExitsWith5) {
  const Ran ran = ringside({"inspect", "/no/such/socket"});
  EXPECT_EQ(ran.exit, 5);
  EXPECT_TRUE(ran.err.starts_with("ringside: error: /no/such/socket: ")) << ran.err;
  EXPECT_NE(ran.err.find("\nhint: "), std::string::npos);
}

TEST(CommandLine, BadSqlIsAUsageErrorBeforeAnyAttach) {
  const Ran ran = ringside({"query", "/no/such/socket", "SELECT vectr FROM idt"});
  EXPECT_EQ(ran.exit, 2);
  EXPECT_NE(ran.err.find("vectr"), std::string::npos);
}

TEST(CommandLine, ABadPolicyIsAUsageError) {
  const std::string path = testing::TempDir() + "ringside-bad-policy.yaml";
  std::ofstream(path) << "apiVersion: ringside/v1\nkind: Polcy\n";
  for (const auto& arguments :
       {std::vector<std::string>{"policy", "check", path}, {"scan", "/no/such/socket", "--policy", path}}) {
    const Ran ran = ringside(arguments);
    EXPECT_EQ(ran.exit, 2);
    EXPECT_NE(ran.err.find(path + ":2:"), std::string::npos) << ran.err;
  }
  const Ran json = ringside({"policy", "check", path, "--json"});
  EXPECT_EQ(json.exit, 2);
  EXPECT_FALSE(Json::parse(json.out)["ok"].get<bool>());
  std::remove(path.c_str());
}

TEST(CommandLine, ShippedPoliciesPassTheirOwnCheck) {
  const Ran ran = ringside({"policy", "check", std::string(RINGSIDE_SOURCE_DIR) + "/policies/shipped"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find("msr-entry-points"), std::string::npos);
}

TEST(CommandLine, ListsAndExplainsPolicies) {
  EXPECT_NE(ringside({"policy", "list"}).out.find("msr-entry-points"), std::string::npos);
  const Ran shown = ringside({"policy", "show", "gdt"});
  EXPECT_EQ(shown.exit, 0) << shown.err;
  EXPECT_NE(shown.out.find("needs a baseline"), std::string::npos) << shown.out;
  const Json linux_ones = Json::parse(ringside({"policy", "show", "linux-*", "--json"}).out)["policies"];
  ASSERT_GE(linux_ones.size(), 1u);
  for (const Json& policy : linux_ones) {
    EXPECT_TRUE(policy["name"].get<std::string>().starts_with("linux-"));
    EXPECT_NE(policy["remediation"], "") << policy["name"];
    EXPECT_NE(policy["false_positives"], "") << policy["name"];
  }
}

TEST(CommandLine, SaysWhichPolicyMayHaveBeenMeant) {
  const Ran ran = ringside({"scan", "/no/such/socket", "--policy", "gtd"});
  EXPECT_EQ(ran.exit, 2);
  EXPECT_NE(ran.err.find("did you mean gdt?"), std::string::npos) << ran.err;
}

TEST(CommandLine, DescribesTables) {
  EXPECT_NE(ringside({"tables"}).out.find("page_mappings"), std::string::npos);
  EXPECT_NE(ringside({"tables", "idt"}).out.find("handler"), std::string::npos);
  EXPECT_EQ(ringside({"tables", "no_such_table"}).exit, 2);
  EXPECT_GE(Json::parse(ringside({"tables", "--json"}).out)["tables"].size(), 9u);
}

}  // namespace
}  // namespace ringside::agent
