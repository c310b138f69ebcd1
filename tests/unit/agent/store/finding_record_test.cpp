// SPDX-License-Identifier: Apache-2.0
#include "agent/store/finding_record.h"

#include "agent/daemon/agent_event.h"
#include "agent/output/format.h"
#include "agent/output/parse_time.h"
#include "tests/unit/agent/store/some_finding.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

FindingRecord full() {
  FindingRecord record = some_finding();
  record.id = finding_id(record);
  record.kind = FindingRecord::Kind::blind;
  record.state = FindingRecord::State::resolved;
  record.severity = policies::Severity::critical;
  record.suppressed_by = "EX-1";
  record.acknowledged = {"uid 0", "known", at(5) + std::chrono::microseconds(7)};
  record.first_seen = at(0);
  record.last_seen = at(9);
  record.resolved_at = at(10);
  record.count = 3;
  record.evidence = {std::string(64, 'a')};
  return record;
}

TEST(FindingRecord, ComesBackFromJsonAsItWas) {
  for (const FindingRecord& record : {full(), some_finding()}) {
    const auto again = finding_from_json(Json::parse(to_json(record).dump()));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(*again, record);
  }
}

TEST(FindingRecord, ShowsWhatIsAbsentAsNull) {
  const Json json = to_json(some_finding());
  for (const char* field : {"suppressed_by", "acknowledged", "resolved_at"})
    EXPECT_TRUE(json.at(field).is_null());
  EXPECT_EQ(json.at("severity"), "high");
}

TEST(FindingRecord, FieldsThatAreMissingUnknownOrOfAnotherTypeAreErrors) {
  const Json good = to_json(full());
  for (const auto& [name, value] : good.items()) {
    Json without = good;
    without.erase(name);
    EXPECT_EQ(finding_from_json(without).error().message, "finding: `" + name + "` is missing");
    Json other = good;
    other[name] = 1.5;
    EXPECT_FALSE(finding_from_json(other).has_value()) << name;
  }
  Json more = good;
  more["colour"] = "red";
  EXPECT_EQ(finding_from_json(more).error().message, "finding: `colour` is unknown");
  more = good;
  more["acknowledged"]["colour"] = "red";
  EXPECT_FALSE(finding_from_json(more).has_value());
}

TEST(FindingRecord, ValuesThatCannotBeAreErrors) {
  const auto refused = [](const char* name, const Json& value) {
    Json json = to_json(full());
    json[name] = value;
    const auto record = finding_from_json(json);
    return !record && record.error().code == Errc::malformed;
  };
  EXPECT_TRUE(refused("count", -1));
  EXPECT_TRUE(refused("state", "Open"));
  EXPECT_TRUE(refused("kind", "sight"));
  EXPECT_TRUE(refused("severity", "fatal"));
  EXPECT_TRUE(refused("first_seen", nullptr));
  EXPECT_TRUE(refused("resolved_at", "yesterday"));
  EXPECT_TRUE(refused("attack", Json::array({1})));
  EXPECT_TRUE(refused("row", Json::array()));
  EXPECT_TRUE(refused("acknowledged", Json::array()));
  EXPECT_FALSE(finding_from_json(Json::array()).has_value());
  EXPECT_FALSE(finding_from_json(Json()).has_value());
}

TEST(FindingRecord, TheIdIsOfWhatWasFoundAndWhereNotOfItsValues) {
  const FindingRecord one = some_finding();
  EXPECT_EQ(finding_id(one).size(), 12u);
  FindingRecord same = one;
  same.message = "gate 14 leads to 0x1";
  same.guest_name = "renamed";
  same.severity = policies::Severity::low;
  EXPECT_EQ(finding_id(same), finding_id(one));
  EXPECT_NE(finding_id(some_finding("0123456789abcdef", "uuid-2")), finding_id(one));
  EXPECT_NE(finding_id(some_finding("f123456789abcdef")), finding_id(one));
  FindingRecord blind = one;
  blind.kind = FindingRecord::Kind::blind;
  EXPECT_NE(finding_id(blind), finding_id(one));
}

TEST(FindingRecord, FieldsDoNotFlowIntoEachOther) {
  FindingRecord one = some_finding(), other = some_finding();
  one.policy = "idt";
  one.check = "gates";
  other.policy = "idtg";
  other.check = "ates";
  EXPECT_NE(finding_id(one), finding_id(other));
}

TEST(AgentEvent, IsAnObjectWithTheFindingInside) {
  AgentEvent event{AgentEvent::Kind::finding_opened, at(1), "uuid-1", "web", "opened", "a line", full()};
  Json json = to_json(event);
  EXPECT_EQ(json["event"], "finding.opened");
  EXPECT_EQ(json["at"], rfc3339(at(1)));
  EXPECT_EQ(json["finding"], to_json(full()));
  event.finding.reset();
  EXPECT_TRUE(to_json(event)["finding"].is_null());
}

TEST(ParseTime, IsTheOppositeOfRfc3339) {
  for (const Moment moment :
       {at(0), at(1) + std::chrono::microseconds(1), at(2) + std::chrono::microseconds(999'999)})
    EXPECT_EQ(parse_rfc3339(rfc3339(moment)), moment);
  EXPECT_EQ(parse_rfc3339("2027-01-15T08:00:00.5Z"), at(0) + std::chrono::microseconds(500'000));
}

TEST(ParseTime, TakesNothingElse) {
  for (const char* text :
       {"", "Z", "2027-01-15", "2027-02-30T00:00:00Z", "2027-13-01T00:00:00Z", "2027-01-15T24:00:00Z",
        "2027-01-15T08:60:00Z", "2027-01-15T08:00:60Z", "2027-01-15T08:00:00", "2027-01-15T08:00:00.Z",
        "2027-01-15T08:00:00.1234567Z", "2027-01-15T08:00:00+00:00", "2027-01-15T08:00:00Zx",
        "+027-01-15T08:00:00Z", "2027-01-15T08:00:00.1x", "2027-00-15T08:00:00Z"})
    EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
}

}  // namespace
}  // namespace ringside::agent
