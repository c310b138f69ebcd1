// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/actions.h"

#include "agent/audit_log.h"
#include "agent/output/format.h"
#include "agent/restore_findings.h"
#include "guest/linux/kernel.h"
#include "qmp/commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace ringside::agent {

Result<void> CircuitBreaker::allow(const Breaker& bounds, const std::string& guest, Moment now) {
  const std::lock_guard lock(mutex_);
  const auto forget = [&](std::deque<Moment>& moments) {
    while (!moments.empty() && now - moments.front() >= bounds.within) moments.pop_front();
  };
  auto& here = guests_[guest];
  forget(here);
  forget(host_);
  if (here.size() >= bounds.per_guest)
    return fail(Errc::unavailable,
                fmt::format("the circuit breaker is open: {} on this guest within {}",
                            counted(here.size(), "action"), human_duration(bounds.within)));
  if (host_.size() >= bounds.per_host)
    return fail(Errc::unavailable,
                fmt::format("the circuit breaker is open: {} on this host within {}",
                            counted(host_.size(), "action"), human_duration(bounds.within)));
  here.push_back(now);
  host_.push_back(now);
  return {};
}

bool needs_leave(const std::string& action) {
  return action == "pause" || action == "restore" || action == "dump";
}

std::optional<std::string> refusal(const std::string& action, const Config& config, const GuestFacts& guest,
                                   bool suppressed) {
  if (suppressed) return "an exception silences the finding";
  const bool allowed = std::any_of(config.actions.begin(), config.actions.end(), [&](const ActionRule& rule) {
    return matches_guest(rule.guests, guest.name, guest.uuid) &&
           std::find(rule.allow.begin(), rule.allow.end(), action) != rule.allow.end();
  });
  if (!allowed)
    return fmt::format("the configuration does not allow {} for this guest (actions.allow)", action);
  return std::nullopt;
}

Result<std::string> pause_guest(guest::live::LiveGuest& guest) {
  RINGSIDE_TRY(const auto status, guest.monitor().call(qmp::query_status()));
  if (!status.running) return "the guest stood still already (" + status.status + ")";
  RINGSIDE_CHECK(guest.monitor().call(qmp::stop()));
  return "the guest was paused; QMP `cont` (virsh resume, qm resume) lets it run again";
}

Result<std::string> restore_violation(guest::live::LiveGuest& guest, const policies::Baseline* baseline,
                                      const policies::CheckResult& result,
                                      const policies::Violation& violation) {
  RINGSIDE_TRY(const auto snapshot, guest.snapshot(guest::live::MsrSource::none));
  RestorePlan plan;
  if (baseline != nullptr) {
    RINGSIDE_TRY(plan, plan_restore(*baseline, *snapshot));
  }
  policies::CheckResult one = result;
  one.violations = {violation};
  plan_findings(plan, {one}, *snapshot, {violation.fingerprint});
  keep_wanted(plan, {one}, {violation.fingerprint});
  if (plan.steps.empty())
    return fail(Errc::not_found,
                plan.not_possible.empty() ? "nothing can be put back for it" : plan.not_possible.front());
  RINGSIDE_CHECK(audited_write(guest, "restore", snapshot->info(), plan.writes()));
  return fmt::format("{} put back: compared, written, read back", counted(plan.steps.size(), "place"));
}

namespace {

constexpr const char* kUnfinished = ".part";

std::uint64_t size_of_files(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code error, no_file;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error))
    if (const auto size = it->file_size(no_file); !no_file) bytes += size;
  return bytes;
}

}  // namespace

void remove_broken_dumps(const std::string& directory) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error))
    if (it->path().extension() == kUnfinished) ::unlink(it->path().c_str());
}

Result<std::string> dump_guest(guest::live::LiveGuest& guest, const std::string& directory,
                               const std::string& name, std::uint64_t bound) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(Errc::io, directory + ": " + error.message());
  ::chmod(directory.c_str(), 0700);
  std::uint64_t ram = 0;
  for (const auto& range : guest.memory().map().ranges()) ram += range.size;
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) == 0 &&
      std::uint64_t{space.f_bavail} * space.f_frsize < ram + (ram >> 3))
    return fail(Errc::io,
                fmt::format("{} has not enough room for {} of guest memory", directory, human_size(ram)));
  if (const std::uint64_t there = size_of_files(directory); there > bound || bound - there < ram)
    return fail(Errc::unavailable,
                fmt::format("{} of guest memory would not fit: {} holds {} of the {} that keep.dumps allows",
                            human_size(ram), directory, human_size(there), human_size(bound)));
  const std::string finished = directory + '/' + name, path = finished + kUnfinished;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  const auto done = [&]() -> Result<void> {
    qmp::CallOptions with_file;
    with_file.descriptor = file;
    RINGSIDE_CHECK(guest.monitor().call(qmp::getfd("ringside-dump"), with_file));
    // A gigabyte takes seconds; without an end it would hold this guest's other checks for ever.
    qmp::CallOptions patient;
    patient.deadline = std::chrono::minutes(10);
    RINGSIDE_CHECK(guest.monitor().execute("dump-guest-memory",
                                           {{"paging", false}, {"protocol", "fd:ringside-dump"}}, patient));
    return {};
  }();
  ::close(file);
  if (!done) {
    ::unlink(path.c_str());
    return fail(done.error());
  }
  if (::rename(path.c_str(), finished.c_str()) != 0)
    return fail(Errc::io, finished + ": " + std::strerror(errno));
  return "memory dumped to " + finished;
}

}  // namespace ringside::agent
