// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outcome.h"
#include "agent/output/json.h"

namespace ringside::agent {

/// What a list of findings amounts to, as a scan would say it: `violations` if one that is open and not
/// silenced is of a violation, else `unchecked` if one says that something is not seen. Findings about
/// exceptions are no judgement of a guest.
Exit standing_of_findings(const Json& findings);
/// The same of an agent by its status; `unchecked` too if a guest is not watched (yet), or if what it finds
/// does not reach the disk. What the document does not say was not checked.
Exit standing_of_status(const Json& status);

}  // namespace ringside::agent
