// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/style.h"
#include "agent/scan/subjects.h"

#include <string>

namespace ringside::agent {

/// The findings of one subject for people: under its title each check with what it found, the evidence of
/// each row, and what the policy says is to be done and may be harmless. Bounded: JSON has all.
std::string finding_text(const Subject& subject, const Style& style);

/// What a row says beyond its message: "column value, ..." without what is NULL.
std::string evidence_of(const policies::Violation& violation);

}  // namespace ringside::agent
