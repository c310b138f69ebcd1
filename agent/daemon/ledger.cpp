// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/ledger.h"

#include "agent/log.h"

#include <utility>

namespace ringside::agent {

namespace {
constexpr std::size_t kMostWaiting = 100'000;

AgentEvent about(AgentEvent::Kind kind, FindingRecord record, Moment now) {
  AgentEvent event;
  event.kind = kind;
  event.at = now;
  event.guest = record.guest;
  event.guest_name = record.guest_name;
  event.what = kind == AgentEvent::Kind::finding_opened     ? "opened"
               : kind == AgentEvent::Kind::finding_resolved ? "resolved"
                                                            : "acknowledged";
  event.text = record.message;
  event.finding = std::move(record);
  return event;
}
}  // namespace

Ledger::Ledger(StateDatabase& database, FindingStore& findings, Journal& journal, AgentEvents& events,
               Enqueue enqueue)
    : database_(database),
      findings_(findings),
      journal_(journal),
      events_(events),
      enqueue_(std::move(enqueue)) {}

Result<void> Ledger::try_write(const Entry& entry) {
  std::vector<AgentEvent> events;
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database&) -> Result<void> {
    events.clear();
    RINGSIDE_CHECK(entry(events));
    for (const auto& event : events)
      if (enqueue_) RINGSIDE_CHECK(enqueue_(event));
    return {};
  }));
  for (const auto& event : events) events_.publish(event);
  return {};
}

void Ledger::write(Entry entry) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMostWaiting) {
    waiting_.pop_front();
    ++dropped_;
  }
  waiting_.push_back(std::move(entry));
  while (!waiting_.empty()) {
    if (auto written = try_write(waiting_.front()); !written) {
      if (written.error().message != error_)
        log::warning("findings wait to be written: " + written.error().message);
      error_ = written.error().message;
      return;
    }
    waiting_.pop_front();
  }
  if (!error_.empty()) log::info("findings are written again");
  error_.clear();
}

void Ledger::flush() {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;
  }
  write([](std::vector<AgentEvent>&) { return Result<void>(); });
}

void Ledger::open(FindingRecord found, Moment now) {
  write([this, found = std::move(found), now](std::vector<AgentEvent>& events) -> Result<void> {
    RINGSIDE_TRY(auto taken, findings_.open(found, now));
    // What an exception silences is recorded, and nobody is told.
    if (taken.news != FindingStore::News::none && !taken.record.suppressed_by)
      events.push_back(about(AgentEvent::Kind::finding_opened, std::move(taken.record), now));
    return {};
  });
}

void Ledger::resolve(const std::string& id, const std::string& why, Moment now) {
  write([this, id, why, now](std::vector<AgentEvent>& events) -> Result<void> {
    RINGSIDE_TRY(auto resolved, findings_.resolve(id, why, now));
    if (resolved && !resolved->suppressed_by)
      events.push_back(about(AgentEvent::Kind::finding_resolved, std::move(*resolved), now));
    return {};
  });
}

void Ledger::seen(std::vector<std::string> ids, Moment now) {
  if (ids.empty()) return;
  write([this, ids = std::move(ids), now](std::vector<AgentEvent>&) { return findings_.seen(ids, now); });
}

Result<FindingRecord> Ledger::acknowledge(const std::string& id, FindingRecord::Acknowledged how) {
  const std::lock_guard lock(mutex_);
  FindingRecord record;
  RINGSIDE_CHECK(try_write([&](std::vector<AgentEvent>& events) -> Result<void> {
    RINGSIDE_TRY(record, findings_.acknowledge(id, how));
    events.push_back(about(AgentEvent::Kind::finding_acknowledged, record, how.at));
    return {};
  }));
  return record;
}

void Ledger::action(const FindingRecord& finding, const std::string& what, bool done, const std::string& text,
                    Moment now) {
  AgentEvent event = about(AgentEvent::Kind::action, finding, now);
  event.what = what + (done ? ".done" : ".refused");
  event.text = text;
  write([this, event, what, done, text, now](std::vector<AgentEvent>& events) -> Result<void> {
    RINGSIDE_CHECK(journal_.append(
        done ? "action.done" : "action.refused",
        {{"action", what}, {"finding", event.finding->id}, {"guest", event.guest}, {"text", text}}, now));
    events.push_back(event);
    return {};
  });
}

void Ledger::note(const std::string& kind, const Json& body, Moment now) {
  write([this, kind, body, now](std::vector<AgentEvent>&) -> Result<void> {
    RINGSIDE_CHECK(journal_.append(kind, body, now));
    return {};
  });
}

Ledger::Statistics Ledger::statistics() {
  const std::lock_guard lock(mutex_);
  return {waiting_.size(), dropped_, error_};
}

}  // namespace ringside::agent
