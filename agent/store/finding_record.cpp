// SPDX-License-Identifier: Apache-2.0
#include "agent/store/finding_record.h"

#include "agent/output/format.h"
#include "agent/output/parse_time.h"
#include "agent/store/digest.h"

#include <fmt/format.h>

#include <set>

namespace ringside::agent {

std::string_view to_string(FindingRecord::Kind kind) {
  switch (kind) {
    case FindingRecord::Kind::violation:
      return "violation";
    case FindingRecord::Kind::blind:
      return "blind";
    case FindingRecord::Kind::unwatched:
      return "unwatched";
    case FindingRecord::Kind::exception_expired:
      return "exception-expired";
    case FindingRecord::Kind::exception_unused:
      return "exception-unused";
  }
  return "?";
}

std::string_view to_string(FindingRecord::State state) {
  switch (state) {
    case FindingRecord::State::open:
      return "open";
    case FindingRecord::State::resolved:
      return "resolved";
  }
  return "?";
}

std::string finding_id(const FindingRecord& record) {
  return sha256_of_fields(
             {record.guest, to_string(record.kind), record.policy, record.check, record.fingerprint})
      .substr(0, 12);
}

namespace {

Json optional_time(const std::optional<Moment>& time) {
  return time ? Json(rfc3339(*time)) : Json(nullptr);
}

/// Takes the fields of an object one by one; the first that is wrong is the error.
class Fields {
 public:
  Fields(const Json& json, std::string_view what) : json_(json), what_(what) {
    if (!json.is_object()) wrong("it is no object");
  }

  const Json& take(const char* name) {
    static const Json kNothing;
    taken_.insert(name);
    if (error_.empty() && !json_.contains(name)) wrong(fmt::format("`{}` is missing", name));
    return error_.empty() ? json_.at(name) : kNothing;
  }
  std::string text(const char* name) { return text_of(take(name), name); }
  std::optional<std::string> optional_text(const char* name) {
    const Json& value = take(name);
    if (value.is_null()) return std::nullopt;
    return text_of(value, name);
  }
  std::optional<Moment> optional_time(const char* name) {
    const Json& value = take(name);
    if (value.is_null()) return std::nullopt;
    const auto moment = parse_rfc3339(text_of(value, name));
    if (!moment) wrong(fmt::format("`{}` is no time", name));
    return moment;
  }
  Moment time(const char* name) {
    const auto moment = optional_time(name);
    if (!moment) wrong(fmt::format("`{}` is no time", name));
    return moment.value_or(Moment{});
  }
  std::uint64_t number(const char* name) {
    const Json& value = take(name);
    if (!value.is_number_integer() || (!value.is_number_unsigned() && value.get<std::int64_t>() < 0)) {
      wrong(fmt::format("`{}` is no count", name));
      return 0;
    }
    return value.get<std::uint64_t>();
  }
  std::vector<std::string> texts(const char* name) {
    const Json& value = take(name);
    std::vector<std::string> all;
    if (!value.is_array()) wrong(fmt::format("`{}` is no list", name));
    if (value.is_array())
      for (const Json& one : value) all.push_back(text_of(one, name));
    return all;
  }
  template <class Enum>
  Enum one_of(const char* name, std::initializer_list<Enum> all) {
    const std::string word = text(name);
    for (const Enum one : all)
      if (to_string(one) == word) return one;
    wrong(fmt::format("`{}` is none of the words that it can be", name));
    return *all.begin();
  }
  void wrong(const std::string& how) {
    if (error_.empty()) error_ = how;
  }
  Result<void> done() {
    if (error_.empty())
      for (const auto& [name, value] : json_.items())
        if (!taken_.contains(name)) wrong(fmt::format("`{}` is unknown", name));
    if (!error_.empty()) return fail(Errc::malformed, fmt::format("{}: {}", what_, error_));
    return {};
  }

 private:
  std::string text_of(const Json& value, const char* name) {
    if (value.is_string()) return value.get<std::string>();
    wrong(fmt::format("`{}` is no text", name));
    return {};
  }
  const Json& json_;
  std::string_view what_;
  std::set<std::string> taken_;
  std::string error_;
};

}  // namespace

Json to_json(const FindingRecord& record) {
  Json acknowledged = nullptr;
  if (record.acknowledged)
    acknowledged = Json{{"by", record.acknowledged->by},
                        {"note", record.acknowledged->note},
                        {"at", rfc3339(record.acknowledged->at)}};
  return {{"id", record.id},
          {"kind", to_string(record.kind)},
          {"state", to_string(record.state)},
          {"guest", record.guest},
          {"guest_name", record.guest_name},
          {"policy", record.policy},
          {"policy_version", record.policy_version},
          {"check", record.check},
          {"severity", policies::to_string(record.severity)},
          {"title", record.title},
          {"message", record.message},
          {"remediation", record.remediation},
          {"attack", record.attack},
          {"fingerprint", record.fingerprint},
          {"row", record.row},
          {"suppressed_by", record.suppressed_by ? Json(*record.suppressed_by) : Json(nullptr)},
          {"acknowledged", std::move(acknowledged)},
          {"first_seen", rfc3339(record.first_seen)},
          {"last_seen", rfc3339(record.last_seen)},
          {"resolved_at", optional_time(record.resolved_at)},
          {"count", record.count},
          {"evidence", record.evidence}};
}

Result<FindingRecord> finding_from_json(const Json& json) {
  using Record = FindingRecord;
  using policies::Severity;
  Fields fields(json, "finding");
  Record record;
  record.id = fields.text("id");
  record.kind = fields.one_of("kind", {Record::Kind::violation, Record::Kind::blind, Record::Kind::unwatched,
                                       Record::Kind::exception_expired, Record::Kind::exception_unused});
  record.state = fields.one_of("state", {Record::State::open, Record::State::resolved});
  record.guest = fields.text("guest");
  record.guest_name = fields.text("guest_name");
  record.policy = fields.text("policy");
  record.policy_version = fields.text("policy_version");
  record.check = fields.text("check");
  record.severity = fields.one_of(
      "severity", {Severity::info, Severity::low, Severity::medium, Severity::high, Severity::critical});
  record.title = fields.text("title");
  record.message = fields.text("message");
  record.remediation = fields.text("remediation");
  record.attack = fields.texts("attack");
  record.fingerprint = fields.text("fingerprint");
  record.row = fields.take("row");
  if (!record.row.is_object()) fields.wrong("`row` is no object");
  record.suppressed_by = fields.optional_text("suppressed_by");
  if (const Json& acknowledged = fields.take("acknowledged"); !acknowledged.is_null()) {
    Fields inner(acknowledged, "acknowledged");
    record.acknowledged = Record::Acknowledged{inner.text("by"), inner.text("note"), inner.time("at")};
    if (const auto done = inner.done(); !done) fields.wrong(done.error().message);
  }
  record.first_seen = fields.time("first_seen");
  record.last_seen = fields.time("last_seen");
  record.resolved_at = fields.optional_time("resolved_at");
  record.count = fields.number("count");
  record.evidence = fields.texts("evidence");
  RINGSIDE_CHECK(fields.done());
  return record;
}

}  // namespace ringside::agent
