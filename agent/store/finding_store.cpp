// SPDX-License-Identifier: Apache-2.0
#include "agent/store/finding_store.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace ringside::agent {

namespace {

constexpr const char* kRecord = "SELECT document, last_seen FROM finding ";
constexpr std::size_t kFewestDigits = 4, kDigits = 12;

std::int64_t microseconds(Moment moment) {
  return moment.time_since_epoch().count();
}

Moment moment(std::int64_t microseconds) {
  return Moment(std::chrono::microseconds(microseconds));
}

/// The record in a row of kRecord.
Result<FindingRecord> record_of(SQLite::Statement& row) {
  const Json document = Json::parse(row.getColumn(0).getString(), nullptr, false);
  auto record = finding_from_json(document);  // what is no JSON is no object
  if (!record) return fail(record.error().within("a finding in the state database was changed"));
  record->last_seen = moment(row.getColumn(1).getInt64());
  return record;
}

Result<std::optional<FindingRecord>> find_exact(SQLite::Database& database, const std::string& id) {
  SQLite::Statement row(database, std::string(kRecord) + "WHERE id = ?");
  row.bind(1, id);
  if (!row.executeStep()) return std::nullopt;
  return record_of(row);
}

/// `opened_at`: of one that was opened now; else what stands there stays.
void write(SQLite::Database& database, const FindingRecord& record, std::optional<Moment> opened_at) {
  SQLite::Statement put(
      database,
      "INSERT INTO finding VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ifnull(?8, 0), ?9, ?10, ?11) "
      "ON CONFLICT(id) DO UPDATE SET guest = ?2, guest_name = ?3, policy = ?4, open = ?5, severity = ?6, "
      "suppressed = ?7, opened_at = ifnull(?8, opened_at), last_seen = ?9, resolved_at = ?10, document = "
      "?11");
  put.bind(1, record.id);
  put.bind(2, record.guest);
  put.bind(3, record.guest_name);
  put.bind(4, record.policy);
  put.bind(5, record.state == FindingRecord::State::open ? 1 : 0);
  put.bind(6, static_cast<int>(record.severity));
  put.bind(7, record.suppressed_by ? 1 : 0);
  if (opened_at) put.bind(8, microseconds(*opened_at));
  put.bind(9, microseconds(record.last_seen));
  if (record.resolved_at) put.bind(10, microseconds(*record.resolved_at));
  put.bind(11, to_json(record).dump(-1, ' ', false, Json::error_handler_t::replace));
  put.exec();
}

/// What the journal says of a finding in every entry about it.
Json named(const FindingRecord& record) {
  return {{"id", record.id},
          {"guest", record.guest},
          {"guest_name", record.guest_name},
          {"policy", record.policy},
          {"check", record.check}};
}

Json opening(const FindingRecord& record) {
  Json body = named(record);
  body["kind"] = to_string(record.kind);
  body["severity"] = policies::to_string(record.severity);
  body["title"] = record.title;
  body["message"] = record.message;
  body["row"] = record.row;
  body["fingerprint"] = record.fingerprint;
  body["suppressed_by"] = record.suppressed_by ? Json(*record.suppressed_by) : Json(nullptr);
  body["count"] = record.count;
  body["evidence"] = record.evidence;
  return body;
}

}  // namespace

Result<FindingStore::Taken> FindingStore::open(FindingRecord found, Moment now) {
  found.id = finding_id(found);
  Taken taken{std::move(found), News::first};
  FindingRecord& record = taken.record;
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database& database) -> Result<void> {
    RINGSIDE_TRY(auto known, find_exact(database, record.id));
    if (!known || known->state == FindingRecord::State::resolved) {
      taken.news = known ? News::again : News::first;
      record.state = FindingRecord::State::open;
      record.acknowledged.reset();
      record.resolved_at.reset();
      record.first_seen = known ? known->first_seen : now;
      record.last_seen = now;
      record.count = known ? known->count + 1 : 1;
      write(database, record, now);
      RINGSIDE_CHECK(journal_.append("finding.opened", opening(record), now));
      return {};
    }
    const bool other_evidence = !record.evidence.empty() && record.evidence != known->evidence;
    const bool other_exception = record.suppressed_by != known->suppressed_by;
    taken.news = known->suppressed_by && !record.suppressed_by ? News::unsuppressed : News::none;
    known->message = std::move(record.message);
    known->row = std::move(record.row);
    if (other_evidence) known->evidence = std::move(record.evidence);
    known->suppressed_by = std::move(record.suppressed_by);
    known->last_seen = std::max(now, known->last_seen);
    record = std::move(*known);
    write(database, record, std::nullopt);
    if (other_evidence) {
      Json body = named(record);
      body["evidence"] = record.evidence;
      RINGSIDE_CHECK(journal_.append("finding.evidence", body, now));
    }
    if (other_exception) {
      Json body = named(record);
      body["suppressed_by"] = record.suppressed_by ? Json(*record.suppressed_by) : Json(nullptr);
      RINGSIDE_CHECK(
          journal_.append(record.suppressed_by ? "finding.suppressed" : "finding.unsuppressed", body, now));
    }
    return {};
  }));
  return taken;
}

Result<std::optional<FindingRecord>> FindingStore::resolve(const std::string& id, const std::string& why,
                                                           Moment now) {
  std::optional<FindingRecord> resolved;
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database& database) -> Result<void> {
    RINGSIDE_TRY(auto known, find_exact(database, id));
    if (!known || known->state != FindingRecord::State::open) return {};
    known->state = FindingRecord::State::resolved;
    known->resolved_at = now;
    write(database, *known, std::nullopt);
    Json body = named(*known);
    body["why"] = why;
    RINGSIDE_CHECK(journal_.append("finding.resolved", body, now));
    resolved = std::move(known);
    return {};
  }));
  return resolved;
}

Result<void> FindingStore::seen(const std::vector<std::string>& ids, Moment now) {
  if (ids.empty()) return {};
  return database_.transaction([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement mark(database,
                           "UPDATE finding SET last_seen = max(last_seen, ?) WHERE id = ? AND open = 1");
    for (const std::string& id : ids) {
      mark.reset();
      mark.bind(1, microseconds(now));
      mark.bind(2, id);
      mark.exec();
    }
    return {};
  });
}

Result<FindingRecord> FindingStore::acknowledge(const std::string& id, FindingRecord::Acknowledged how) {
  if (how.by.size() > kMaxNote || how.note.size() > kMaxNote)
    return fail(Errc::invalid_argument, fmt::format("a note is at most {} bytes", kMaxNote));
  FindingRecord record;
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database& database) -> Result<void> {
    RINGSIDE_TRY(record, find(id));
    record.acknowledged = std::move(how);
    write(database, record, std::nullopt);
    Json body = named(record);
    body["by"] = record.acknowledged->by;
    body["note"] = record.acknowledged->note;
    RINGSIDE_CHECK(journal_.append("finding.acknowledged", body, record.acknowledged->at));
    return {};
  }));
  return record;
}

Result<FindingRecord> FindingStore::find(const std::string& id) {
  const bool digits = std::all_of(id.begin(), id.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!digits || id.size() < kFewestDigits || id.size() > kDigits)
    return fail(Errc::invalid_argument, fmt::format("\"{}\" is no id of a finding", id.substr(0, 64)),
                "ringside findings shows the ids; four digits or more of one will do");
  std::optional<FindingRecord> found;
  RINGSIDE_CHECK(database_.reading([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement rows(database, std::string(kRecord) + "WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2");
    rows.bind(1, id);
    if (!rows.executeStep()) return {};
    RINGSIDE_TRY(found, record_of(rows));
    if (rows.executeStep())
      return fail(Errc::invalid_argument, fmt::format("several findings begin with {}", id),
                  "write more of its digits");
    return {};
  }));
  if (!found) return fail(Errc::not_found, fmt::format("there is no finding {}", id));
  return *found;
}

Result<std::vector<FindingRecord>> FindingStore::list(const Filter& filter) {
  std::vector<FindingRecord> records;
  RINGSIDE_CHECK(database_.reading([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement rows(
        database, std::string(kRecord) +
                      "WHERE (?1 = '' OR guest = ?1 OR guest_name = ?1) AND (?2 IS NULL OR open = ?2) "
                      "AND (?3 IS NULL OR severity >= ?3) AND (?4 = '' OR policy = ?4) "
                      "AND (?5 OR NOT suppressed) ORDER BY opened_at DESC, id LIMIT ?6");
    rows.bind(1, filter.guest);
    if (filter.state) rows.bind(2, *filter.state == FindingRecord::State::open ? 1 : 0);
    if (filter.at_least) rows.bind(3, static_cast<int>(*filter.at_least));
    rows.bind(4, filter.policy);
    rows.bind(5, filter.suppressed ? 1 : 0);
    constexpr std::size_t kMost = std::numeric_limits<std::int64_t>::max();
    rows.bind(6, static_cast<std::int64_t>(std::min(filter.limit, kMost)));
    while (rows.executeStep()) {
      RINGSIDE_TRY(FindingRecord record, record_of(rows));
      records.push_back(std::move(record));
    }
    return {};
  }));
  return records;
}

Result<std::size_t> FindingStore::forget_resolved(std::size_t keep) {
  std::size_t forgotten = 0;
  RINGSIDE_CHECK(database_.transaction([&](SQLite::Database& database) -> Result<void> {
    SQLite::Statement forget(database,
                             "DELETE FROM finding WHERE id IN (SELECT id FROM finding WHERE open = 0 "
                             "ORDER BY resolved_at DESC, id LIMIT -1 OFFSET ?)");
    constexpr std::size_t kMost = std::numeric_limits<std::int64_t>::max();
    forget.bind(1, static_cast<std::int64_t>(std::min(keep, kMost)));
    forgotten = static_cast<std::size_t>(forget.exec());
    return {};
  }));
  return forgotten;
}

}  // namespace ringside::agent
