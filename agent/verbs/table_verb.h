// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/outcome.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// How a verb shows a table that has rows for every vCPU.
struct TableView {
  std::string table;                 ///< of `ringside tables`
  std::string order;                 ///< SQL columns that put the rows of one vCPU in order
  std::vector<std::string> columns;  ///< what people are shown; JSON has all
  /// SQL columns that are shown after those where a Linux kernel is found: names of addresses.
  std::vector<std::string> names = {};
  std::string where;    ///< SQL: rows that people are shown without --all; empty: all
  std::string omitted;  ///< what the others are called: "gates that are not present"
  /// SQL columns that are equal, row by row, where two vCPUs use one and the same table; empty: never said.
  std::string same_if;
};

/// The verb's own options.
struct TableArguments {
  std::optional<std::uint64_t> vcpu;
  bool all = false;
};

Outcome show_table(Context& context, const TableView& view, const TableArguments& arguments,
                   guest::live::MsrSource msrs);

}  // namespace ringside::agent
