// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/attach_attempts.h"

#include "agent/daemon/wall_clock.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

using std::chrono::milliseconds;

namespace {

/// A connection that is lost sooner than this counts as one more failure to attach.
constexpr std::chrono::seconds kStands{10};

}  // namespace

/// Tried again, each time later, for ever: whoever holds the monitor may let go of it.
AttachAttempts::Failed AttachAttempts::failed(const Error& error, const GuestFacts& guest,
                                              bool watched_elsewhere, const Config::Watching& settings,
                                              Moment now) {
  if (!failing_since_) failing_since_ = now;
  const milliseconds longest = settings.longest_retry;
  const milliseconds wait = std::min(longest, milliseconds(1'000) * (1u << std::min(failures_, 10u)));
  ++failures_;
  if (!watched_elsewhere && now - *failing_since_ >= settings.unwatched_after) {
    FindingRecord record;
    record.kind = FindingRecord::Kind::unwatched;
    record.guest = guest.key;
    record.guest_name = guest.name;
    record.title = "A guest is not watched";
    record.message = fmt::format("{} cannot be attached to: {}", guest.name, error.message);
    record.remediation = error.hint;
    record.severity = policies::Severity::medium;
    ledger_.open(std::move(record), wall_clock());
  }
  return {wait, failures_ == 1};
}

void AttachAttempts::attached(const GuestFacts& guest, Moment now) {
  attached_at_ = now;
  if (failures_ == 0) resolve_unwatched(guest);
}

void AttachAttempts::lasts(const GuestFacts& guest, Moment now) {
  if (failures_ == 0 || now - attached_at_ < kStands) return;
  failures_ = 0;
  resolve_unwatched(guest);
}

bool AttachAttempts::was_short(Moment now) const {
  return failures_ != 0 || now - attached_at_ < kStands;
}

/// It may have been told under either key, also by an agent before this one.
void AttachAttempts::resolve_unwatched(const GuestFacts& guest) {
  failing_since_.reset();
  for (const auto& key : {candidate_, guest.key}) {
    FindingRecord record;
    record.kind = FindingRecord::Kind::unwatched;
    record.guest = key;
    ledger_.resolve(finding_id(record), "the guest is watched", wall_clock());
  }
}

}  // namespace ringside::agent
