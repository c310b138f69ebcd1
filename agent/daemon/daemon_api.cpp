// SPDX-License-Identifier: Apache-2.0
// What the daemon answers to its clients.
#include "agent/daemon/daemon_impl.h"
#include "agent/output/format.h"
#include "agent/version.h"
#include "gdbstub/session_machine.h"

#include <unistd.h>

#include <utility>

namespace ringside::agent {

using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

FindingStore::Filter all_open() {
  FindingStore::Filter filter;
  filter.state = FindingRecord::State::open;
  filter.limit = 100'000;
  return filter;
}

Json counts(const std::vector<FindingRecord>& open) {
  Json severities = Json::object();
  for (const char* severity : {"critical", "high", "medium", "low", "info"}) severities[severity] = 0;
  Json kinds = Json::object();
  std::size_t suppressed = 0, acknowledged = 0;
  for (const auto& record : open) {
    if (record.suppressed_by) {
      ++suppressed;
      continue;
    }
    auto& count = severities[std::string(to_string(record.severity))];
    count = count.get<int>() + 1;
    auto& of_kind = kinds[std::string(to_string(record.kind))];
    of_kind = of_kind.is_null() ? 1 : of_kind.get<int>() + 1;
    acknowledged += record.acknowledged.has_value();
  }
  return {{"open", std::move(severities)},
          {"kinds", std::move(kinds)},
          {"suppressed", suppressed},
          {"acknowledged", acknowledged}};
}

Json exception_ids(const std::vector<const policies::Exception*>& exceptions) {
  Json ids = Json::array();
  for (const auto* exception : exceptions) ids.push_back(exception->id);
  return ids;
}

}  // namespace

bool Daemon::Impl::ready(std::string& why) {
  const auto writing = ledger->statistics();
  if (writing.error.empty()) return true;
  why = writing.error;
  return false;
}

Json Daemon::Impl::status() {
  const auto records = store->list(all_open());
  const auto totals = list->totals();
  const auto runs = scheduler->statistics();
  const auto writing = ledger->statistics();
  Json to = Json::array(), where = Json::array(), from = Json::array();
  for (const auto& one : outputs->statistics()) to.push_back(to_json(one));
  {
    const std::lock_guard lock(doors);
    for (const auto& server : servers) where.push_back(server->where());
    for (const auto& source : sources) from.push_back(source->describe());
  }
  const auto in_force = rules.get();
  const auto account = rules.account();
  std::size_t checks = 0;
  for (const auto& policy : in_force->policies) checks += policy.checks.size();
  return {{"version", kVersion},
          {"pid", ::getpid()},
          {"host", host_name()},
          {"started", rfc3339(started)},
          {"uptime_seconds", std::chrono::duration_cast<seconds>(steady_clock::now() - started_at).count()},
          {"listening", std::move(where)},
          {"sources", std::move(from)},
          {"guests", {{"watched", totals.watched}, {"waiting", totals.waiting}, {"failed", totals.failed}}},
          {"findings", records ? counts(*records) : Json{{"error", records.error().message}}},
          {"exceptions",
           {{"count", in_force->exceptions.all().size()},
            {"expired", exception_ids(in_force->exceptions.expired(wall_clock()))},
            {"unused", exception_ids(in_force->exceptions.unused())}}},
          {"policies",
           {{"count", in_force->policies.size()},
            {"checks", checks},
            {"loaded_at", rfc3339(account.loaded_at)},
            {"notes", account.notes},
            {"error", account.error.empty() ? Json() : Json(account.error)}}},
          {"outputs", std::move(to)},
          {"store",
           {{"waiting", writing.waiting},
            {"dropped", writing.dropped},
            {"error", writing.error.empty() ? Json() : Json(writing.error)}}},
          {"scheduler",
           {{"workers", runs.threads},
            {"ticks", totals.ticks},
            {"missed", totals.missed},
            {"lag_milliseconds", std::chrono::duration<double, std::milli>(runs.longest_wait).count()}}}};
}

Result<Json> Daemon::Impl::guest(const std::string& name) {
  RINGSIDE_TRY(const auto session, list->find(name));
  return session->describe();
}

Result<Json> Daemon::Impl::findings(const FindingStore::Filter& filter) {
  RINGSIDE_TRY(const auto records, store->list(filter));
  Json all = Json::array();
  for (const auto& record : records) all.push_back(to_json(record));
  return all;
}

Result<Json> Daemon::Impl::finding(const std::string& id) {
  RINGSIDE_TRY(const auto record, store->find(id));
  return to_json(record);
}

Result<Json> Daemon::Impl::acknowledge(const std::string& id, const std::string& note, const Caller& caller) {
  RINGSIDE_TRY(const auto record, ledger->acknowledge(id, {caller.name, note, wall_clock()}));
  return to_json(record);
}

Result<Json> Daemon::Impl::accept(const std::string& id, const std::string& note, const Caller& caller) {
  RINGSIDE_TRY(const auto record, store->find(id));
  RINGSIDE_TRY(const auto session, list->find(record.guest));
  return session->accept(record, note, caller.name);
}

Result<Json> Daemon::Impl::explain(const std::string& id) {
  RINGSIDE_TRY(const auto record, store->find(id));
  RINGSIDE_TRY(const auto session, list->find(record.guest));
  return session->explain(record.id);
}

Json Daemon::Impl::policies() {
  const auto in_force = rules.get();
  Json all = Json::array();
  for (const auto& policy : in_force->policies) {
    Json checks = Json::array();
    for (const auto& check : policy.checks)
      checks.push_back({{"id", check.id},
                        {"title", check.title},
                        {"severity", to_string(check.severity)},
                        {"actions", check.actions}});
    all.push_back({{"name", policy.name},
                   {"version", policy.version},
                   {"title", policy.title},
                   {"mode", to_string(policy.mode)},
                   {"interval_milliseconds", policy.interval.count()},
                   {"attack", policy.attack},
                   {"checks", std::move(checks)}});
  }
  return all;
}

Result<Json> Daemon::Impl::query(const std::string& guest, const std::string& sql) {
  RINGSIDE_TRY(const auto session, list->find(guest));
  return session->query(sql);
}

std::string Daemon::Impl::metrics() {
  const auto records = store->list(all_open());
  const auto in_force = rules.get();
  const std::size_t all = in_force->exceptions.all().size(),
                    expired = in_force->exceptions.expired(wall_clock()).size();
  return metrics_.page({list->summaries(),
                        records ? *records : std::vector<FindingRecord>(),
                        in_force->policies,
                        ledger->statistics(),
                        outputs->statistics(),
                        {all - expired, expired, in_force->exceptions.unused().size()},
                        guest::memory::read_totals(),
                        gdbstub::packets_sent()});
}

}  // namespace ringside::agent
