// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "agent/output/json.h"
#include "agent/store/state_database.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

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
    std::string hash;  ///< SHA-256 over number, time, kind, body and the hash before
  };
  /// What verify() found.
  struct Verified {
    std::uint64_t entries = 0;
    std::string head;                   ///< hash of the last one
    std::optional<std::string> broken;  ///< where and how the chain is broken: the first place
  };

  explicit Journal(StateDatabase& database) : database_(database) {}

  /// Joins the transaction it is called in.
  Result<Entry> append(const std::string& kind, const Json& body, Moment at);
  /// Recomputes the whole chain. `known_head`, if not empty, is a hash that was noted before (in a report, an
  /// output): it must be in the chain. A tail that was cut off shows by the head that is kept beside.
  Result<Verified> verify(const std::string& known_head = {});
  /// Entries from `first`, at most `limit`.
  Result<std::vector<Entry>> read(std::uint64_t first, std::size_t limit);

 private:
  StateDatabase& database_;
};

}  // namespace ringside::agent
