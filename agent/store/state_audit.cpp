// SPDX-License-Identifier: Apache-2.0
#include "agent/store/state_audit.h"

#include "agent/store/digest.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <set>

namespace ringside::agent {

namespace {

/// What the journal comes to: which findings are open and which pieces of evidence are there.
class Replay {
 public:
  void add(const Journal::Entry& entry) {
    last_ = entry.number;
    const std::string id = text(entry.body, "id");
    if (entry.kind == "finding.opened") open_.insert(id);
    if (entry.kind == "finding.resolved") open_.erase(id);
    const Json* list = field(entry.body, "evidence");
    if (list == nullptr || !list->is_array()) return;
    for (const Json& piece : *list) {
      if (!piece.is_string()) continue;
      if (entry.kind == "evidence.dropped")
        evidence_.erase(piece.get<std::string>());
      else
        evidence_.insert(piece.get<std::string>());
    }
  }
  const std::set<std::string>& open() const { return open_; }
  const std::set<std::string>& evidence() const { return evidence_; }
  std::uint64_t last() const { return last_; }

 private:
  static const Json* field(const Json& body, const char* name) {
    const auto found = body.is_object() ? body.find(name) : body.end();
    return body.is_object() && found != body.end() ? &*found : nullptr;
  }
  static std::string text(const Json& body, const char* name) {
    const Json* value = field(body, name);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  }
  std::set<std::string> open_, evidence_;
  std::uint64_t last_ = 0;
};

Result<void> replay(Journal& journal, Replay& into) {
  return journal.each([&](const Journal::Entry& entry) {
    if (entry.number > into.last()) into.add(entry);
    return true;
  });
}

Result<std::set<std::string>> open_findings(StateDatabase& database) {
  std::set<std::string> ids;
  RINGSIDE_CHECK(database.reading([&](SQLite::Database& db) -> Result<void> {
    SQLite::Statement rows(db, "SELECT id FROM finding WHERE open = 1");
    while (rows.executeStep()) ids.insert(rows.getColumn(0).getString());
    return {};
  }));
  return ids;
}

void compare_findings(const std::set<std::string>& kept, const std::set<std::string>& journaled,
                      std::vector<StateAudit::Problem>& problems) {
  for (const std::string& id : journaled)
    if (!kept.contains(id))
      problems.push_back({"finding " + id, "the journal says that it is open, but it is not kept as open"});
  for (const std::string& id : kept)
    if (!journaled.contains(id))
      problems.push_back({"finding " + id, "it is kept as open, but the journal does not say that it is"});
}

}  // namespace

Result<StateAudit> audit_state(StateDatabase& database, const EvidenceStore* evidence,
                               const std::string& known_head) {
  StateAudit audit;
  Journal journal(database);
  Replay said;
  // One view of the database for all of it, whatever an agent does meanwhile.
  RINGSIDE_CHECK(database.reading([&](SQLite::Database&) -> Result<void> {
    RINGSIDE_TRY(audit.journal, journal.verify(known_head));
    if (audit.journal.broken) audit.problems.push_back({"journal", *audit.journal.broken});
    RINGSIDE_TRY(const auto kept, open_findings(database));
    audit.open_findings = kept.size();
    // Entries that cannot be read are in the broken chain already; what they said is not known.
    if (!replay(journal, said)) return {};
    compare_findings(kept, said.open(), audit.problems);
    return {};
  }));
  std::set<std::string> there;
  if (evidence != nullptr) {
    RINGSIDE_TRY(const auto pieces, evidence->list());
    for (const auto& piece : pieces) there.insert(piece.sha256);
    RINGSIDE_TRY(const auto damaged, evidence->verify());
    for (const auto& damage : damaged)
      audit.problems.push_back({(is_sha256(damage.name) ? "evidence " : "file ") + damage.name, damage.what});
  }
  audit.pieces = there.size();
  // What the bound took while this looked is in the journal by now.
  (void)replay(journal, said);
  for (const std::string& sha256 : said.evidence())
    if (!there.contains(sha256) && (evidence == nullptr || !evidence->load(sha256)))
      audit.problems.push_back(
          {"evidence " + sha256, "the journal says that it was kept, but it is not there"});
  return audit;
}

}  // namespace ringside::agent
