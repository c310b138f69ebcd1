// SPDX-License-Identifier: Apache-2.0
#include "agent/audit_log.h"

#include "agent/output/format.h"
#include "agent/output/json.h"
#include "agent/state_directory.h"
#include "agent/verbs/support.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace ringside::agent {

Result<AuditLog> AuditLog::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return fail(Errc::io, fmt::format("audit log {}: {}", path, std::strerror(errno)),
                "nothing was written to the guest");
  return AuditLog(descriptor, path);
}

AuditLog::AuditLog(AuditLog&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

AuditLog::~AuditLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> AuditLog::record(std::string_view action, const guest::GuestInfo& guest,
                              const std::vector<guest::live::LiveGuest::PhysicalWrite>& writes,
                              const Result<void>& outcome) {
  Json list = Json::array();
  for (const auto& write : writes)
    list.push_back({{"gpa", json_address(write.gpa.value)},
                    {"before", to_hex(write.expected)},
                    {"after", to_hex(write.replacement)}});
  Json entry{
      {"time",
       rfc3339(std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()))},
      {"action", action},
      {"uid", ::getuid()},
      {"guest", guest_json(guest)},
      {"writes", std::move(list)},
      {"outcome", outcome ? "done" : "failed"}};
  if (!outcome) entry["error"] = json_error(outcome.error());
  const std::string line = entry.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  // One write of one line: with O_APPEND lines of several processes do not mix.
  if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(descriptor_) != 0)
    return fail(Errc::io, fmt::format("audit log {}: {}", path_, std::strerror(errno)));
  return {};
}

Result<void> audited_write(guest::live::LiveGuest& guest, std::string_view action,
                           const guest::GuestInfo& info,
                           const std::vector<guest::live::LiveGuest::PhysicalWrite>& writes) {
  RINGSIDE_TRY(const StateDirectory state, StateDirectory::open());
  RINGSIDE_TRY(AuditLog log, AuditLog::open(state.audit_log()));
  const Result<void> outcome = guest.write(writes);
  const Result<void> recorded = log.record(action, info, writes, outcome);
  return outcome ? recorded : outcome;
}

}  // namespace ringside::agent
