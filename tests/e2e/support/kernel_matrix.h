// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/lab/guest.h"

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace ringside::lab {

/// One guest of the matrix of kernels and machines.
struct Cell {
  std::string name;  ///< "6.1-cloud, pti=on"; its place in the table
  Options options;
  bool by_default = false;  ///< not only in the full run
};
inline std::ostream& operator<<(std::ostream& out, const Cell& cell) {
  return out << cell.name;
}
/// Every cell: each kernel as it comes, and the amd64 ones on machines and with options that change what has
/// to be understood.
std::vector<Cell> kernel_matrix();

/// What a cell came to, a row of the table.
struct CellResult {
  std::string release, paging, isolation;
  unsigned cpus = 0;
  std::string memory;
  std::size_t symbols = 0, differences = 0;
  double discovery_ms = 0;
};

/// docs/kernel-matrix.md: rows by the name of their cell.
std::map<std::string, std::string> read_matrix_table();
/// Puts `results` in the place of their cells' rows and keeps the rows of other cells.
void write_matrix_table(const std::map<std::string, CellResult>& results);

}  // namespace ringside::lab
