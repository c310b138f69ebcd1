// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/exception_findings.h"

#include "agent/output/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace ringside::agent {

using policies::Exception;

namespace {

constexpr std::size_t kMostOpen = 100'000;

std::string day_of(std::chrono::sys_time<std::chrono::microseconds> at) {
  return rfc3339(at).substr(0, 10);
}

FindingRecord record_of(const Exception& exception, const std::string& host) {
  FindingRecord record;
  record.guest = host_key(host);
  record.guest_name = host;
  record.policy = exception.policy;
  record.check = exception.check;
  record.fingerprint = exception.id;
  record.severity = policies::Severity::low;
  record.row = {{"exception", exception.id},  {"file", exception.file},
                {"line", exception.line},     {"owner", exception.owner},
                {"reason", exception.reason}, {"expires", day_of(exception.expires)}};
  return record;
}

FindingRecord expired(const Exception& exception, const std::string& host) {
  FindingRecord record = record_of(exception, host);
  record.kind = FindingRecord::Kind::exception_expired;
  record.title = "An exception has expired";
  record.message = fmt::format("{} of {} ({}) expired after {}: what it matches is told again", exception.id,
                               exception.owner, exception.reason, day_of(exception.expires));
  record.remediation = fmt::format("Ask its owner; renew it or take it out of {}.", exception.file);
  return record;
}

FindingRecord unused(const Exception& exception, const std::string& host, Moment since) {
  FindingRecord record = record_of(exception, host);
  record.kind = FindingRecord::Kind::exception_unused;
  record.title = "An exception matches nothing";
  record.message = fmt::format("{} of {} ({}) has matched nothing since {}", exception.id, exception.owner,
                               exception.reason, day_of(since));
  record.remediation = fmt::format(
      "Take it out of {} if what it allows is over; it would hide what looks the same.", exception.file);
  record.row["since"] = rfc3339(since);
  return record;
}

bool about_exceptions(const FindingRecord& record) {
  return record.kind == FindingRecord::Kind::exception_expired ||
         record.kind == FindingRecord::Kind::exception_unused;
}

/// Why what was told of an exception is over.
std::string why_over(const FindingRecord& record, const policies::ExceptionSet& exceptions, Moment now) {
  const auto& all = exceptions.all();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Exception& one) { return one.id == record.fingerprint; });
  if (found == all.end()) return "the exception is gone";
  if (record.kind == FindingRecord::Kind::exception_expired)
    return "it holds until " + day_of(found->expires);
  return found->expired(now) ? "it has expired" : "it has matched something, or may be unused for longer";
}

}  // namespace

std::string host_key(const std::string& host) {
  return "host/" + host;
}

Result<void> tell_exceptions(ExceptionUses& uses, const policies::ExceptionSet& exceptions,
                             std::chrono::milliseconds unused_after, const std::string& host,
                             FindingStore& store, Ledger& ledger, Moment now) {
  RINGSIDE_TRY(const auto waiting, uses.note(exceptions, now));
  std::vector<FindingRecord> wanted;
  for (const Exception& exception : exceptions.all()) {
    const auto since = waiting.find(exception.id);
    if (exception.expired(now))
      wanted.push_back(expired(exception, host));
    else if (unused_after.count() > 0 && since != waiting.end() && now - since->second >= unused_after)
      wanted.push_back(unused(exception, host, since->second));
  }
  FindingStore::Filter filter;
  filter.guest = host_key(host);
  filter.state = FindingRecord::State::open;
  filter.limit = kMostOpen;
  RINGSIDE_TRY(auto open, store.list(filter));
  std::erase_if(open, [](const FindingRecord& record) { return !about_exceptions(record); });
  for (FindingRecord& record : wanted) {
    record.id = finding_id(record);
    const bool told = std::any_of(open.begin(), open.end(),
                                  [&](const FindingRecord& other) { return other.id == record.id; });
    if (!told) ledger.open(record, now);
  }
  for (const FindingRecord& record : open)
    if (std::none_of(wanted.begin(), wanted.end(),
                     [&](const FindingRecord& other) { return other.id == record.id; }))
      ledger.resolve(record.id, why_over(record, exceptions, now), now);
  return {};
}

}  // namespace ringside::agent
