// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/store/evidence_store.h"
#include "guest/snapshot.h"
#include "policies/engine/evaluator.h"

#include <string>
#include <vector>

namespace ringside::agent {

/// Keeps what a violation was seen on: the registers of all vCPUs, and the page at each address that its row
/// names, with the code there disassembled. Gives the SHA-256 of each piece, a description (JSON) first. What
/// could not be read or kept stands in the description, or in `problem` if there is none.
std::vector<std::string> keep_evidence(EvidenceStore& store, guest::Snapshot& snapshot,
                                       const policies::CheckResult& result,
                                       const policies::Violation& violation, Moment now,
                                       std::string& problem);

}  // namespace ringside::agent
