// SPDX-License-Identifier: Apache-2.0
#include "agent/cli.h"
#include "agent/store/finding_store.h"
#include "agent/store/state_audit.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/store/some_finding.h"

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ringside::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

/// A state directory that an agent left: two findings, one resolved, with evidence.
class EvidenceVerb : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("RINGSIDE_STATE_DIR", folder_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("RINGSIDE_STATE_DIR"); }

  void work() {
    auto state = StateDatabase::open(folder_.file("agent.db"));
    ASSERT_TRUE(state.has_value()) << state.error().message;
    Journal journal(**state);
    FindingStore store(**state, journal);
    const auto dropping = [&](const std::vector<std::string>& pieces) -> Result<void> {
      RINGSIDE_CHECK(journal.append("evidence.dropped", {{"evidence", pieces}}, at(5)));
      return {};
    };
    auto evidence = EvidenceStore::open(folder_.file("evidence"), 8192, dropping);
    ASSERT_TRUE(evidence.has_value()) << evidence.error().message;
    FindingRecord one = some_finding("a"), two = some_finding("b");
    dropped_ = *(*evidence)->keep(as_bytes("the first page"), at(1));
    page_ = *(*evidence)->keep(std::vector<std::byte>(4096, std::byte{0x90}), at(2));
    one.evidence = {dropped_, page_};
    id_ = store.open(one, at(2))->record.id;
    text_ = *(*evidence)->keep(as_bytes("{\"rip\": 1}\n"), at(3));
    two.evidence = {text_};
    const std::string other = store.open(two, at(3))->record.id;
    ASSERT_TRUE(store.resolve(other, "gone", at(4))->has_value());
    head_ = journal.verify()->head;
  }
  void tamper(const std::string& sql) {
    SQLite::Database(folder_.file("agent.db"), SQLite::OPEN_READWRITE, 1000).exec(sql);
  }
  std::string file_of(const std::string& sha256) const { return folder_.file("evidence/" + sha256 + ".zst"); }

  struct Ran {
    int exit;
    std::string out, err;
  };
  static Ran evidence(std::vector<std::string> arguments) {
    std::ostringstream out, err;
    Context context(out, err);
    arguments.insert(arguments.begin(), "evidence");
    const int exit = run(arguments, context);
    return {exit, out.str(), err.str()};
  }

  testing::TemporaryDirectory folder_;
  std::string dropped_, page_, text_, id_, head_;
};

TEST_F(EvidenceVerb, VerifySaysThatNothingWasChangedAndGivesTheHead) {
  work();
  const Ran ran = evidence({"verify"});
  EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr(head_));
  EXPECT_THAT(ran.out, HasSubstr("nothing was changed"));
  const Json json = Json::parse(evidence({"verify", "--json", "--head", head_}).out);
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(json["entries"], 4);  // two opened, one dropped, one resolved
  EXPECT_EQ(json["head"], head_);
  EXPECT_EQ(json["evidence"], 2);
  EXPECT_EQ(json["open_findings"], 1);
}

TEST_F(EvidenceVerb, VerifyWithoutAnAgentIsNotClean) {
  const Ran ran = evidence({"verify"});
  EXPECT_EQ(ran.exit, 4);
  EXPECT_THAT(ran.err, HasSubstr("there is no journal"));
  EXPECT_FALSE(fs::exists(folder_.file("agent.db")));
}

TEST_F(EvidenceVerb, VerifyNamesWhatWasChanged) {
  work();
  const auto changed = [&](const std::string& said) {
    const Ran ran = evidence({"verify"});
    EXPECT_EQ(ran.exit, 3);
    EXPECT_THAT(ran.out, HasSubstr("CHANGED"));
    EXPECT_THAT(ran.out, HasSubstr(said));
    EXPECT_THAT(ran.out, Not(HasSubstr("nothing was changed")));
  };
  fs::remove(file_of(page_));
  changed("evidence " + page_ + ": the journal says that it was kept, but it is not there");
  std::ofstream(file_of(page_)) << "x";
  changed("evidence " + page_);
  tamper("UPDATE finding SET open = 0 WHERE id = '" + id_ + "'");
  changed("finding " + id_ + ": the journal says that it is open");
  tamper("UPDATE finding SET open = 1");
  changed("it is kept as open, but the journal does not say");
  tamper("UPDATE journal SET body = replace(body, 'gate 14', 'gate 15') WHERE number = 1");
  changed("journal: entry 1 was changed");
}

TEST_F(EvidenceVerb, VerifyHoldsTheJournalAgainstANotedHead) {
  work();
  const Ran older = evidence({"verify", "--head", std::string(64, 'a')});
  EXPECT_EQ(older.exit, 3);
  EXPECT_THAT(older.out, HasSubstr("is not in the journal"));
  EXPECT_EQ(evidence({"verify", "--head", "12"}).exit, 2);
}

TEST_F(EvidenceVerb, VerifyOfADamagedDatabaseSaysSo) {
  work();
  fs::remove(folder_.file("agent.db-wal"));
  std::ofstream(folder_.file("agent.db"), std::ios::trunc) << std::string(8192, 'x');
  const Ran ran = evidence({"verify"});
  EXPECT_EQ(ran.exit, 3);
  EXPECT_THAT(ran.err, HasSubstr("move it away"));
}

TEST_F(EvidenceVerb, ListsPiecesWithTheirFindings) {
  EXPECT_THAT(evidence({"ls"}).out, HasSubstr("no evidence is kept"));
  work();
  const Ran ran = evidence({"ls"});
  EXPECT_EQ(ran.exit, 0);
  EXPECT_THAT(ran.out, HasSubstr(page_.substr(0, 16)));
  EXPECT_THAT(ran.out, HasSubstr("4 KiB"));
  EXPECT_THAT(ran.out, HasSubstr(id_));
  const Json of_one = Json::parse(evidence({"ls", "--json", "--finding", id_}).out);
  ASSERT_EQ(of_one["evidence"].size(), 1u);
  EXPECT_EQ(of_one["evidence"][0]["sha256"], page_);
  EXPECT_EQ(of_one["evidence"][0]["findings"], Json::array({id_}));
}

TEST_F(EvidenceVerb, ShowsTextAsTextAndBytesAsADump) {
  work();
  EXPECT_THAT(evidence({"show", text_.substr(0, 8)}).out, HasSubstr("{\"rip\": 1}\n"));
  EXPECT_THAT(evidence({"show", page_.substr(0, 8)}).out, HasSubstr("90 90 90 90"));
  const Json json = Json::parse(evidence({"show", page_, "--json"}).out);
  EXPECT_EQ(json["hex"].get<std::string>().size(), 8192u);
  EXPECT_EQ(Json::parse(evidence({"show", text_, "--json"}).out)["text"], "{\"rip\": 1}\n");
}

TEST_F(EvidenceVerb, RefusesIdsThatAreNoneOrNotThere) {
  EXPECT_EQ(evidence({"show", "abcd"}).exit, 2);
  work();
  EXPECT_THAT(evidence({"show", "abc"}).err, HasSubstr("is no evidence's id"));
  EXPECT_THAT(evidence({"show", "../x"}).err, HasSubstr("is no evidence's id"));
  EXPECT_EQ(evidence({"show", dropped_}).exit, 2);
}

TEST_F(EvidenceVerb, ExportsWhatWasKeptAndNothingElse) {
  work();
  const std::string file = folder_.file("page.bin");
  EXPECT_EQ(evidence({"export", page_, file}).exit, 0);
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  EXPECT_TRUE(bytes == std::string(4096, '\x90'));
  fs::remove(file_of(page_));
  std::ofstream(file_of(page_)) << "x";
  fs::remove(file);
  const Ran ran = evidence({"export", page_, file});
  EXPECT_EQ(ran.exit, 3);
  EXPECT_THAT(ran.err, HasSubstr("was changed"));
  EXPECT_FALSE(fs::exists(file));
}

}  // namespace
}  // namespace ringside::agent
