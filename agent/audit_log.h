// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/live/live_guest.h"
#include "guest/snapshot.h"

#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// Who changed what in which guest: one JSON object a line, appended and synced. It is opened before anything
/// is written to a guest, so that nothing is written that could not be recorded.
class AuditLog {
 public:
  static Result<AuditLog> open(const std::string& path);
  AuditLog(AuditLog&& other) noexcept;
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;
  ~AuditLog();

  Result<void> record(std::string_view action, const guest::GuestInfo& guest,
                      const std::vector<guest::live::LiveGuest::PhysicalWrite>& writes,
                      const Result<void>& outcome);

 private:
  AuditLog(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_;
  std::string path_;
};

/// Performs `writes` through the guest's freeze window and records them, whatever comes of them.
Result<void> audited_write(guest::live::LiveGuest& guest, std::string_view action,
                           const guest::GuestInfo& info,
                           const std::vector<guest::live::LiveGuest::PhysicalWrite>& writes);

}  // namespace ringside::agent
