// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/outcome.h"
#include "agent/output/json.h"
#include "agent/session.h"
#include "guest/snapshot.h"
#include "policies/engine/database.h"

#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// One query over one snapshot.
Result<policies::QueryResult> ask(guest::Snapshot& snapshot, std::string_view sql);

/// Logs what could not be read, and gives the exit code that it means.
Exit note_incomplete(const std::vector<std::string>& incomplete);

/// The guest as JSON output names it.
Json guest_json(const guest::GuestInfo& info);
/// "vm1 (uuid ...)", "vm1" or the target.
std::string guest_label(const guest::GuestInfo& info);

/// Registers of vCPU `index`; `invalid_argument` if there is none of that number.
Result<guest::x86::CpuState> vcpu_state(guest::Snapshot& snapshot, std::uint64_t index);

/// The file's whole contents appear, or nothing (written beside, renamed).
Result<void> write_file(const std::string& path, ByteView bytes);

}  // namespace ringside::agent
