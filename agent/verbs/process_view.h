// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/outcome.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::agent {

/// How a verb shows a table of what processes have.
struct ProcessView {
  std::string table;    ///< of `ringside tables`; JSON has all of its columns
  std::string columns;  ///< SQL: what people are shown
  std::string order;    ///< SQL
  std::string where;    ///< SQL: which rows; of those of one process if `pid` is given
};

/// `pid`: only this process. `invalid_argument` if there is none of that number.
Outcome show_process_view(Context& context, const ProcessView& view, std::optional<std::uint64_t> pid);

}  // namespace ringside::agent
