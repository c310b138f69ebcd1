// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/policy_test/policy_test.h"
#include "base/error.h"
#include "guest/snapshot.h"

#include <memory>
#include <vector>

namespace ringside::agent {

/// `base` as it would be with `patches`: what they do not touch is read from it. Symbols and addresses mean
/// what they mean in `base`. The error names the line of the patch: a symbol or page that `base` does not
/// have, a register that it does not know.
Result<std::unique_ptr<guest::Snapshot>> patched_snapshot(std::unique_ptr<guest::Snapshot> base,
                                                          const std::vector<TestPatch>& patches);

}  // namespace ringside::agent
