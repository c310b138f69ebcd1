// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/store/evidence_store.h"
#include "agent/store/journal.h"
#include "agent/store/state_database.h"

#include <map>
#include <string>
#include <vector>

namespace ringside::agent {

/// What does not agree with what the agent wrote, and what was looked at to say so.
struct StateAudit {
  struct Problem {
    std::string where;  ///< "journal", "finding ID", "evidence SHA256"
    std::string what;
  };
  Journal::Verified journal;
  std::size_t pieces = 0;  ///< of evidence, read and hashed
  std::size_t open_findings = 0;
  std::vector<Problem> problems;  ///< empty: nothing was changed
};

/// Checks the chain of the journal (`known_head` as Journal::verify() takes it), every piece of evidence, and
/// both with each other: a piece that was kept and not dropped is there, a finding is open or not as the
/// journal says. `evidence` may be null: there is no directory of it. An agent may be at work meanwhile.
Result<StateAudit> audit_state(StateDatabase& database, const EvidenceStore* evidence,
                               const std::string& known_head);

}  // namespace ringside::agent
