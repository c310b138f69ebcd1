// SPDX-License-Identifier: Apache-2.0
#include "agent/store/state_schema.h"

namespace ringside::agent {

namespace {

// Times are microseconds since 1970, UTC. `document` is the finding as to_json() writes it; what stands in a
// column of its own beside it is there to be searched, and last_seen, which moves at every tick, only there.
constexpr const char* kFindingsAndJournal = R"(
CREATE TABLE finding(
  id TEXT PRIMARY KEY, guest TEXT NOT NULL, guest_name TEXT NOT NULL, policy TEXT NOT NULL,
  open INTEGER NOT NULL, severity INTEGER NOT NULL, suppressed INTEGER NOT NULL, opened_at INTEGER NOT NULL,
  last_seen INTEGER NOT NULL, resolved_at INTEGER, document TEXT NOT NULL) STRICT;
CREATE INDEX finding_by_time ON finding(opened_at);
CREATE INDEX finding_by_end ON finding(resolved_at) WHERE open = 0;
CREATE TABLE journal(
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TABLE journal_head(
  only INTEGER PRIMARY KEY CHECK(only = 1), number INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
)";

// Numbers of messages are never used twice: what was sent is told apart from what came after.
constexpr const char* kOutbox = R"(
CREATE TABLE outbox(
  number INTEGER PRIMARY KEY AUTOINCREMENT, output TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL) STRICT;
CREATE INDEX outbox_by_output ON outbox(output, number);
CREATE TABLE outbox_count(
  output TEXT PRIMARY KEY, sent INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0) STRICT;
)";

// Since when each exception has been loaded, and whether it has matched anything since.
constexpr const char* kExceptions = R"(
CREATE TABLE exception(id TEXT PRIMARY KEY, since INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;
)";

constexpr const char* kMigrations[] = {kFindingsAndJournal, kOutbox, kExceptions};

}  // namespace

std::span<const char* const> state_migrations() {
  return kMigrations;
}

}  // namespace ringside::agent
