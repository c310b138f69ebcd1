// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/baseline.h"
#include "policies/engine/boot_record.h"
#include "policies/tables/portability.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::policies {

/// A row of an earlier boot as it would be at this one: nullopt is a cell that is not portable.
using PortableRow = std::vector<std::optional<Value>>;

/// The rows of one stored table that have a portable name, by that name ("vcpu=0 vector=14"). Those that
/// share one are left out.
class PortableRows {
 public:
  /// `to`: the record of the boot that addresses are rebased to, or that of `from` itself.
  PortableRows(const Table& table, const PortableTable& portable, const StoredTable& stored,
               const BootRecord& from, const BootRecord& to);

  const std::map<std::string, PortableRow>& all() const { return rows_; }
  const PortableRow* find(const std::string& key) const;
  /// Addresses that stood in a module that is not there, or another one, in `to`, or in no known region.
  std::size_t not_placed() const { return not_placed_; }

 private:
  std::map<std::string, PortableRow> rows_;
  std::size_t not_placed_ = 0;
};

/// The name of a row that has these columns and cells; nullopt if it lacks one that the name is made of.
std::optional<std::string> portable_key(const Table& table, const PortableTable& portable,
                                        const std::vector<std::string>& columns, const PortableRow& row);
std::optional<std::string> portable_key(const Table& table, const PortableTable& portable,
                                        const std::vector<std::string>& columns,
                                        const std::vector<Value>& row);

/// The cell of `column`; nullptr: there is none.
const Value* cell_of(const StoredTable& stored, const std::vector<Value>& row, std::string_view column);

}  // namespace ringside::policies
