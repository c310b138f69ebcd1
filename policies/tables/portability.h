// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string_view>

namespace ringside::policies {

/// What a cell that a baseline keeps is worth at the guest's next boot of the same kernel build.
enum class Portability {
  /// It belongs to one boot, or nobody has shown that it does not: it is learned anew.
  boot,
  /// It is the same at every boot: a name, a number, a flag, a setting, the hash of content without pointers.
  constant,
  /// An address: the same at every boot relative to the kernel's image or to the module that it lies in. One
  /// that lies in neither belongs to one boot.
  code,
};

/// What a table says of its rows over boots. A table or a column that is not declared is not portable:
/// values never tell.
struct PortableTable {
  /// Columns that name a row at every boot, each `constant` or `code`. Rows that they do not tell apart are
  /// not portable.
  std::map<std::string_view, Portability> key;
  /// The other portable columns.
  std::map<std::string_view, Portability> columns;
  /// Where that is a matter of the row: the column of text that decides, and by its cell the portable
  /// columns.
  std::string_view decides{};
  std::map<std::string_view, std::map<std::string_view, Portability>> by_row{};
  /// Every boot has the same rows: one more or one less is a change. Otherwise only rows of both are
  /// compared.
  bool same_rows = false;
  /// It hangs on the CPUs too: portable only to a machine with the same CPU model, features and accelerator.
  bool of_machine = false;
  /// The guest's own start-up sets it after the kernel has booted.
  bool set_by_start_up = false;

  /// Of `column` in the row that `decider`, the cell of `decides`, names.
  Portability of(std::string_view column, std::string_view decider) const;
};

/// nullptr: nothing of the table outlives a boot.
const PortableTable* portable_table(std::string_view name);
/// Those that are declared, by name.
const std::map<std::string_view, PortableTable>& portable_tables();

}  // namespace ringside::policies
