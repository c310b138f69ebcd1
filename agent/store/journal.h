// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "agent/output/json.h"
#include "agent/store/state_database.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// What happened, in order, each entry with the hash of the one before: findings opened, resolved,
/// acknowledged, actions done and refused, baselines accepted, evidence kept and dropped. Thread-safe.
class Journal {
 public:
  struct Entry {
    std::uint64_t number = 0;  ///< from 1, without gaps
    Moment at{};
    std::string kind;  ///< "finding.opened", "action.refused", ...
    Json body;
    /// sha256_of_fields() of: the hash before (empty for the first), number and time (microseconds since
    /// 1970, UTC) in decimal, kind, body as it is stored.
    std::string hash;
  };
  /// What verify() found.
  struct Verified {
    std::uint64_t entries = 0;
    std::string head;                   ///< hash of the last one; empty: there is none
    std::optional<std::string> broken;  ///< where and how the chain is broken: the first place
  };

  explicit Journal(StateDatabase& database) : database_(database) {}

  /// Joins the transaction it is called in. It never refuses because of what was done to the entries before:
  /// a broken chain goes on, broken.
  Result<Entry> append(const std::string& kind, const Json& body, Moment at);
  /// Recomputes the whole chain. `known_head`, if not empty, is a hash that was noted before (in a report, an
  /// output): it must be in the chain (`invalid_argument` if it is no hash). A tail that was cut off shows by
  /// the head that is kept beside; only a known head shows that both, or the whole file, are older than they
  /// were.
  Result<Verified> verify(const std::string& known_head = {});
  /// Entries from `first`, at most `limit`.
  Result<std::vector<Entry>> read(std::uint64_t first, std::size_t limit);
  /// Every entry in order until `each` says false, without holding more than one.
  Result<void> each(const std::function<bool(const Entry&)>& each);

 private:
  StateDatabase& database_;
};

}  // namespace ringside::agent
