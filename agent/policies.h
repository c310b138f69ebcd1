// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/outcome.h"
#include "guest/snapshot.h"
#include "policies/engine/baseline.h"
#include "policies/engine/database.h"
#include "policies/engine/policy.h"

#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// The policies that were asked for, or the built-in ones if none was: each of `wanted` is the name of a
/// built-in policy, a pattern of names ("linux-*"), or the path of a file or directory. Prints what is wrong
/// with files to Context::err and fails with Exit::usage.
Attempt<std::vector<policies::Policy>> choose_policies(const std::vector<std::string>& wanted,
                                                       Context& context);

/// Writes each diagnostic: source line and caret for people, one JSON object a line with --json.
void print_diagnostics(const std::vector<policies::Diagnostic>& diagnostics, Context& context);

/// The stored baseline of a guest, if there is one. State that cannot be read is an internal error.
Attempt<std::optional<policies::Baseline>> load_baseline(const std::string& guest);
/// Binds the stored baseline of the guest of `snapshot`, if there is one, to `database` if a statement reads
/// it or compares code with it.
Attempt<void> bind_needed_baseline(policies::Database& database, const policies::StatementInfo& info,
                                   const guest::Snapshot& snapshot);
/// The store in the state directory.
Attempt<std::unique_ptr<policies::BaselineStore>> open_baselines();

}  // namespace ringside::agent
