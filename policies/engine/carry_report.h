// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/baseline.h"
#include "policies/engine/policy.h"

#include <string>
#include <vector>

namespace ringside::policies {

/// How far one check compares with what an earlier boot was like.
struct CheckCarried {
  enum class How {
    all,   ///< all that it compares was carried over
    part,  ///< `why` says what was learned at this boot
    none,  ///< it was all learned at this boot
  };
  std::string policy, check;
  How how = How::none;
  std::string why;
};
std::string_view to_string(CheckCarried::How how);

/// Of every check that compares with a baseline, or with code as it was first seen. `baseline` is one that
/// was carried over, and `snapshot` of its boot. Errors: as Database::query; a check of which it cannot be
/// said is `none`, and says so.
Result<std::vector<CheckCarried>> carry_report(const Baseline& baseline, const std::vector<Policy>& policies,
                                               guest::Snapshot& snapshot);

}  // namespace ringside::policies
