// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/session.h"
#include "policies/engine/evaluator.h"

#include <vector>

namespace ringside::agent {

/// Evaluates all policies on `snapshot`, which was just taken from the session, and confirms what they find
/// as each check wants it: at once, or by further looks over its window, with progress on Context::err.
/// Snapshots of the session are fresh ones afterwards.
std::vector<policies::CheckResult> scan_once(Context& context, Session& session,
                                             policies::Evaluator& evaluator, guest::Snapshot& snapshot);

}  // namespace ringside::agent
