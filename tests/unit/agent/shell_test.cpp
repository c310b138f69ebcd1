// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/shell.h"

#include "agent/signals.h"
#include "guest/snapshot_file.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/support/fake_memory.h"

#include <gtest/gtest.h>

#include <csignal>
#include <deque>
#include <fstream>
#include <sstream>

namespace ringside::agent {
namespace {

using Line = LineSource::Line;

/// Lines as a person would type them, with Ctrl-C among them.
class Typed final : public LineSource {
 public:
  explicit Typed(std::deque<Line> lines) : lines_(std::move(lines)) {}
  Line next(const std::string& prompt) override {
    prompts.push_back(prompt);
    if (lines_.empty()) return {};
    Line line = lines_.front();
    lines_.pop_front();
    return line;
  }
  void remember(const std::string& statement) override { remembered.push_back(statement); }
  bool interactive() const override { return true; }
  std::vector<std::string> prompts, remembered;

 private:
  std::deque<Line> lines_;
};

Line text(const char* line) {
  return {Line::What::text, line};
}

class ShellTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::FakeMemory memory(1u << 20);
    guest::x86::CpuState cpu;
    cpu.cr0 = guest::x86::cr0::kPe;
    guest::GuestInfo info;
    info.target = "lab";
    info.name = "vm,\"x\"";
    guest::Snapshot snapshot(info, {cpu, cpu}, memory);
    const std::string path = (directory_.path() / "s.rsnap").string();
    ASSERT_TRUE(guest::save_snapshot(snapshot, path));
    context_.options.target = path;
    session_ = std::move(*Session::open(context_.options));
    database_ = std::move(*policies::Database::create());
  }
  Exit run(LineSource& lines, Shell::Settings settings = {}) {
    Shell shell(context_, *session_, *database_, settings);
    return shell.run(lines);
  }
  Exit run(const std::string& script, Shell::Settings settings = {}) {
    std::istringstream in(script);
    StreamLines lines(in);
    return run(lines, settings);
  }

  testing::TemporaryDirectory directory_;
  std::ostringstream out_, err_;
  Context context_{out_, err_};
  std::unique_ptr<Session> session_;
  std::unique_ptr<policies::Database> database_;
};

TEST_F(ShellTest, AnswersEveryStatementOfAScript) {
  EXPECT_EQ(run("SELECT 1 AS a;\nSELECT count(*) AS n\n  FROM vcpus; SELECT 3 AS c"), Exit::clean);
  EXPECT_EQ(out_.str(), "a\n1\nn\n2\nc\n3\n");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(ShellTest, AStatementThatFailsDoesNotEndTheScriptButItsResult) {
  EXPECT_EQ(run("SELECT nothing FROM vcpus;\n.nonsense\nSELECT 2 AS b;\n"), Exit::usage);
  EXPECT_EQ(out_.str(), "b\n2\n");
  EXPECT_NE(err_.str().find("nothing"), std::string::npos);
  EXPECT_NE(err_.str().find(".nonsense"), std::string::npos);
}

TEST_F(ShellTest, WritesInTheChosenMode) {
  EXPECT_EQ(run(".mode csv\nSELECT 1 AS a, NULL AS b, 'x,y' AS c;\n.mode json\nSELECT 1 AS a;\n.mode\n.mode "
                "wide\n"),
            Exit::usage);
  std::istringstream lines(out_.str());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "a,b,c");
  std::getline(lines, line);
  EXPECT_EQ(line, "1,,\"x,y\"");
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line)["rows"][0]["a"], 1);
  std::getline(lines, line);
  EXPECT_EQ(line, "json");
}

TEST_F(ShellTest, CsvQuotesAndNamesBooleansAndAddresses) {
  EXPECT_EQ(run(".mode csv\nSELECT name FROM guest;\nSELECT started, cr3 FROM vcpus LIMIT 1;\n"),
            Exit::clean);
  EXPECT_EQ(out_.str(), "name\n\"vm,\"\"x\"\"\"\nstarted,cr3\ntrue,0x0000000000000000\n");
}

TEST_F(ShellTest, DescribesTables) {
  EXPECT_EQ(run(".tables gd\n.schema gdt\n.schema nonsense\n"), Exit::usage);
  EXPECT_TRUE(out_.str().starts_with("gdt\n")) << out_.str();
  EXPECT_NE(out_.str().find("selector"), std::string::npos);
  out_.str({});
  EXPECT_EQ(run(".schema\n.help\n"), Exit::clean);
  EXPECT_NE(out_.str().find("vcpus(vcpu, "), std::string::npos);
  EXPECT_NE(out_.str().find(".refresh [on|off]"), std::string::npos);
}

TEST_F(ShellTest, ReadsFilesAndBoundsHowDeep) {
  const std::string path = (directory_.path() / "a.sql").string();
  std::ofstream(path) << "SELECT 5 AS a;\n.read " << path << "\n";
  EXPECT_EQ(run(".read " + path + "\nSELECT 6 AS b;\n"), Exit::usage);
  EXPECT_NE(err_.str().find("8 deep"), std::string::npos) << err_.str();
  EXPECT_TRUE(out_.str().ends_with("b\n6\n")) << out_.str();
  EXPECT_EQ(run(".read /no/such/file\n"), Exit::usage);
  EXPECT_EQ(run(".read\n"), Exit::usage);
}

TEST_F(ShellTest, QuitEndsAndLeavesTheRestAlone) {
  EXPECT_EQ(run(".quit\nSELECT 1 AS a;\n"), Exit::clean);
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ShellTest, ShowsThatAStatementWaitsAndForgetsItWithCtrlC) {
  Typed lines({text("SELECT 1"), {Line::What::interrupted, {}}, text("SELECT 2 -- two"), text("AS b;")});
  EXPECT_EQ(run(lines), Exit::clean);
  EXPECT_EQ(lines.prompts,
            (std::vector<std::string>{"ringside> ", "     ...> ", "ringside> ", "     ...> ", "ringside> "}));
  EXPECT_EQ(out_.str(), "b\n2\n");
  EXPECT_EQ(lines.remembered, (std::vector<std::string>{"SELECT 2 AS b;"}));
}

TEST_F(ShellTest, ADotInsideOfAStatementIsNoCommand) {
  EXPECT_EQ(run("SELECT 1\n.5 AS a;\n"), Exit::usage);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str().find("there is no command"), std::string::npos);
}

TEST_F(ShellTest, AHeldSnapshotOfAFileIsTheSame) {
  EXPECT_EQ(run(".refresh off\nSELECT 1 AS a;\n"), Exit::clean);
  EXPECT_NE(err_.str().find("snapshot file"), std::string::npos);
}

TEST_F(ShellTest, TheTimerSaysWhatTookHowLong) {
  EXPECT_EQ(run(".timer on\nSELECT 1 AS a;\n.timer maybe\n"), Exit::usage);
  EXPECT_NE(err_.str().find("snapshot "), std::string::npos);
  EXPECT_NE(err_.str().find(", query "), std::string::npos);
}

TEST_F(ShellTest, CompletesAcrossTheLinesOfAStatement) {
  Shell shell(context_, *session_, *database_, {});
  const auto found = shell.complete("SELECT * FROM vc", 16);
  EXPECT_EQ(found.candidates, (std::vector<std::string>{"vcpus"}));
  EXPECT_EQ(found.start, 14u);
  EXPECT_EQ(shell.complete(".re", 3).candidates, (std::vector<std::string>{".read", ".refresh"}));
  EXPECT_FALSE(shell.complete("SELECT unsigned_l", 17).candidates.empty());
}

TEST_F(ShellTest, SigintGivesUpTheQueryAndNotTheProgram) {
  signals::install();
  const signals::InterruptScope scope;
  std::raise(SIGINT);
  EXPECT_TRUE(signals::interrupted());
  EXPECT_EQ(signals::received(), 0);
  policies::QueryLimits limits;
  limits.cancel = &signals::interrupted();
  const auto given_up = database_->query(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n", limits);
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().code, Errc::cancelled);
  EXPECT_EQ(run("SELECT 1 AS a;\n"), Exit::clean) << "the next statement runs";
  EXPECT_FALSE(signals::interrupted());
}

}  // namespace
}  // namespace ringside::agent
