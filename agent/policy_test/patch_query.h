// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/address.h"
#include "policies/engine/database.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// Bytes that a patch puts to a guest-virtual address.
struct PatchWrite {
  guest::Gva gva;
  Bytes bytes;
};

/// Most rows that a query of a patch may give.
inline constexpr std::size_t kMaxPatchRows = 4'096;

/// True if `text` is a query and neither a number nor a symbol: it begins with SELECT or WITH.
bool is_patch_query(std::string_view text);

/// Asks the tables of the snapshot that is patched, as it was before.
class PatchQueries {
 public:
  /// `snapshot` must outlive it. `pointer_size`: bytes of a value whose row does not say how many.
  PatchQueries(guest::Snapshot& snapshot, std::size_t pointer_size)
      : snapshot_(snapshot), pointer_size_(pointer_size) {}

  /// One number, of the first row. Errors: the query's, `not_found` if it gives no row or NULL,
  /// `invalid_argument` if it gives text.
  Result<std::uint64_t> number(const std::string& sql);

  /// A write a row: the address, the value, and how many bytes it has (1 to 8). Text for a value is
  /// hexadecimal digits. Errors as number()'s: a patch that changes nothing would be a test of nothing.
  Result<std::vector<PatchWrite>> writes(const std::string& sql);

 private:
  Result<policies::QueryResult> ask(const std::string& sql);

  guest::Snapshot& snapshot_;
  std::size_t pointer_size_;
  std::unique_ptr<policies::Database> database_;
};

}  // namespace ringside::agent
