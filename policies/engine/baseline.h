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
struct BootRecord;

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
  /// Which boot it is of (policies/engine/boot_record.h); nullptr: it was stored by a version that did not
  /// say.
  std::shared_ptr<const BootRecord> boot;
  /// Build id of the kernel that it is of; empty: not known.
  std::string build() const;
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

/// Baselines in an SQLite file: of each guest one for each of its last kernel builds.
class BaselineStore {
 public:
  /// Of one guest; beyond that the one that was saved first goes.
  static constexpr unsigned kMostBuilds = 4;
  static Result<std::unique_ptr<BaselineStore>> open(const std::string& path);
  virtual ~BaselineStore() = default;
  /// Replaces that of the same guest and build.
  virtual Result<void> save(const Baseline& baseline) = 0;
  /// The one of the guest that was saved last, of whatever build; or the one of a build.
  virtual Result<std::optional<Baseline>> load(const std::string& guest) = 0;
  virtual Result<std::optional<Baseline>> load(const std::string& guest, const std::string& build) = 0;
  struct Summary {
    std::string guest, description;
    std::string release, build;  ///< of the kernel; empty: not known
    std::optional<std::chrono::sys_time<std::chrono::seconds>> carried_from{};
    std::chrono::sys_time<std::chrono::seconds> taken{};
    std::size_t rows = 0;
  };
  /// By guest, the one that was saved last first.
  virtual Result<std::vector<Summary>> list() = 0;
  virtual Result<bool> remove(const std::string& guest) = 0;  ///< of all builds; false: there was none
};

}  // namespace ringside::policies
