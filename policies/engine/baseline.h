// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/snapshot.h"
#include "policies/tables/table.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {
struct KeptText;
}

namespace ringside::policies {

class Database;

/// The rows of one table as they stood when the baseline was taken.
struct StoredTable {
  std::vector<std::string> columns;
  std::vector<std::vector<Value>> rows;
  std::vector<std::string> incomplete;  ///< what could not be read then
};

/// The good state of one guest.
struct Baseline {
  std::string guest;  ///< GuestInfo::key()
  std::chrono::sys_time<std::chrono::seconds> taken{};
  std::string description;  ///< QEMU version, paging mode, vCPUs: for `baseline show`
  std::map<std::string, StoredTable> tables;
  /// Code of the Linux kernel and its modules, for the tables that compare it; nullptr: there was none, or it
  /// could not be read.
  std::shared_ptr<const guest::linux::KeptText> text;
  std::vector<std::string> text_incomplete;  ///< what of it could not be read
};

/// Reads the tables that a baseline keeps (`idt`, `gdt`, `tss`, `msrs`, `registers` without general ones,
/// ...).
Result<Baseline> take_baseline(guest::Snapshot& snapshot);

/// One difference between a baseline and a snapshot.
struct BaselineDifference {
  std::string table;
  std::string key;     ///< "vcpu=0 vector=14"
  std::string column;  ///< empty for a row that is new or gone
  std::string before, now;
};
/// The stable columns compared. What could not be read now is one difference with an empty key and the reason
/// in `now`, and the rows missing for it do not count as gone.
Result<std::vector<BaselineDifference>> diff_baseline(const Baseline& baseline, guest::Snapshot& snapshot);

/// If the guest has plainly booted again since (every handler and LSTAR moved by one and the same KASLR
/// slide), the reason in words; such a baseline says nothing about this boot, so its checks are `unknown`.
Result<std::optional<std::string>> booted_since(const Baseline& baseline, guest::Snapshot& snapshot);
/// The same over the snapshot that is bound to `database`.
Result<std::optional<std::string>> booted_since(const Baseline& baseline, Database& database);

/// Baselines in an SQLite file; the last one of a guest counts.
class BaselineStore {
 public:
  static Result<std::unique_ptr<BaselineStore>> open(const std::string& path);
  virtual ~BaselineStore() = default;
  virtual Result<void> save(const Baseline& baseline) = 0;
  virtual Result<std::optional<Baseline>> load(const std::string& guest) = 0;
  struct Summary {
    std::string guest, description;
    std::chrono::sys_time<std::chrono::seconds> taken{};
    std::size_t rows = 0;
  };
  virtual Result<std::vector<Summary>> list() = 0;
  virtual Result<bool> remove(const std::string& guest) = 0;  ///< false: there was none
};

}  // namespace ringside::policies
