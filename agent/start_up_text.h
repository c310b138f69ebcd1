// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "policies/engine/boot_record.h"

#include <optional>
#include <string>

namespace ringside::agent {

/// What a baseline says of the guest's start-up, as `guests --json` and `baseline show --json` give it:
/// "learned" (null: it still goes on), "code", "tables". null: it was over when the baseline was taken.
Json start_up_json(const std::optional<policies::StartUp>& start_up);

/// What was learned of it, in words: "code of nfs, xfs and 3 more, rows of proc_entries"; or "nothing".
std::string added_by(const policies::StartUp& start_up);

}  // namespace ringside::agent
