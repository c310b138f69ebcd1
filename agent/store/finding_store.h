// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/store/finding_record.h"
#include "agent/store/journal.h"
#include "agent/store/state_database.h"

#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// All findings of all guests, open and resolved, with a bound on how many resolved ones are kept.
/// Thread-safe. Every change is journaled in the same transaction.
class FindingStore {
 public:
  struct Filter {
    std::string guest;  ///< key or name; empty: all
    std::optional<FindingRecord::State> state;
    std::optional<policies::Severity> at_least;
    std::string policy;      ///< empty: all
    bool suppressed = true;  ///< false: leave suppressed ones out
    std::size_t limit = 1000;
  };
  /// Seen for the first time, seen again after it was resolved, or open all the time.
  enum class News { first, again, none };
  struct Taken {
    FindingRecord record;
    News news;
  };

  FindingStore(StateDatabase& database, Journal& journal) : database_(database), journal_(journal) {}

  /// Takes in what was found (`id` is computed here). Of one that is open already only message, row,
  /// evidence, last_seen and suppressed_by change. One that comes back is the same record, opened once more;
  /// its acknowledgement is void.
  Result<Taken> open(FindingRecord found, Moment now);
  /// nullopt: it was not open.
  Result<std::optional<FindingRecord>> resolve(const std::string& id, const std::string& why, Moment now);
  /// Notes that these are still there; not journaled.
  Result<void> seen(const std::vector<std::string>& ids, Moment now);
  Result<FindingRecord> acknowledge(const std::string& id, FindingRecord::Acknowledged how);
  /// `id` may be any unambiguous beginning of at least four digits. `not_found`, `invalid_argument`.
  Result<FindingRecord> find(const std::string& id);
  /// Newest first.
  Result<std::vector<FindingRecord>> list(const Filter& filter);
  /// Forgets resolved ones beyond `keep`, oldest first. Gives how many.
  Result<std::size_t> forget_resolved(std::size_t keep);

 private:
  StateDatabase& database_;
  Journal& journal_;
};

}  // namespace ringside::agent
