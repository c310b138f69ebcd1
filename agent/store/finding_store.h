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
/// Thread-safe. What happens to a finding (opened, resolved, acknowledged, suppressed or no longer, other
/// evidence) is journaled in the same transaction; what merely moves while it is open (message, row,
/// last_seen) is not.
class FindingStore {
 public:
  struct Filter {
    std::string guest{};  ///< key or name; empty: all
    std::optional<FindingRecord::State> state{};
    std::optional<policies::Severity> at_least{};
    std::string policy{};    ///< empty: all
    bool suppressed = true;  ///< false: leave suppressed ones out
    std::size_t limit = 1000;
  };
  enum class News {
    none,          ///< open all the time
    first,         ///< seen for the first time
    again,         ///< seen again after it was resolved
    unsuppressed,  ///< open all the time, but the exception that silenced it no longer does
  };
  struct Taken {
    FindingRecord record;
    News news;
  };
  static constexpr std::size_t kMaxNote = 4096;  ///< bytes of an acknowledgement's `by` and `note`

  FindingStore(StateDatabase& database, Journal& journal) : database_(database), journal_(journal) {}

  /// Takes in what was found (`id` is computed here). Of one that is open already only message, row,
  /// evidence (if there is any), last_seen and suppressed_by change. One that comes back is the same record,
  /// opened once more; its acknowledgement is void.
  Result<Taken> open(FindingRecord found, Moment now);
  /// nullopt: it was not open.
  Result<std::optional<FindingRecord>> resolve(const std::string& id, const std::string& why, Moment now);
  /// Notes that these are still there; not journaled.
  Result<void> seen(const std::vector<std::string>& ids, Moment now);
  /// `id` as find() takes it. `not_found`, `invalid_argument`.
  Result<FindingRecord> acknowledge(const std::string& id, FindingRecord::Acknowledged how);
  /// `id` may be any unambiguous beginning of at least four digits. `not_found`, `invalid_argument`.
  Result<FindingRecord> find(const std::string& id);
  /// Last opened first.
  Result<std::vector<FindingRecord>> list(const Filter& filter);
  /// Forgets resolved ones beyond `keep`, oldest first. Gives how many.
  Result<std::size_t> forget_resolved(std::size_t keep);

 private:
  StateDatabase& database_;
  Journal& journal_;
};

}  // namespace ringside::agent
