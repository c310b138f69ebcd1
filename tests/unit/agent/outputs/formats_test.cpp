// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/formats.h"

#include "agent/outputs/ocsf.h"
#include "tests/unit/agent/outputs/some_event.h"

#include <gmock/gmock.h>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <fstream>
#include <regex>

namespace ringside::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const Origin kOrigin{"hv1.example", "0.1.0"};

/// The class as OCSF defines it (tests/data/ocsf/README.md).
class OcsfSchema {
 public:
  OcsfSchema() {
    std::ifstream file(RINGSIDE_SOURCE_DIR "/tests/data/ocsf/detection_finding-1.5.0.schema.json");
    const auto document = nlohmann::json::parse(file);
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(document), schema_);
  }
  /// What is wrong with `event`; empty: nothing.
  std::string complaints(const Json& event) const {
    const auto document = nlohmann::json::parse(event.dump());
    valijson::Validator validator;
    valijson::ValidationResults results;
    std::string all;
    if (validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(document), &results)) return all;
    for (valijson::ValidationResults::Error error; results.popError(error);) {
      for (const auto& part : error.context) all += part;
      all += ": " + error.description + "\n";
    }
    return all.empty() ? "invalid" : all;
  }

 private:
  valijson::Schema schema_;
};

/// Every kind of event about every kind and state of finding.
std::vector<AgentEvent> all_events() {
  std::vector<AgentEvent> all;
  using policies::Severity;
  for (const auto kind : {AgentEvent::Kind::finding_opened, AgentEvent::Kind::finding_resolved,
                          AgentEvent::Kind::finding_acknowledged, AgentEvent::Kind::action})
    for (const char* what : {"opened", "pause", "restore", "evidence"})
      for (const Severity severity :
           {Severity::info, Severity::low, Severity::medium, Severity::high, Severity::critical}) {
        AgentEvent event = some_event(1, kind);
        event.what = what;
        event.finding->severity = severity;
        all.push_back(event);
        event.finding->attack = {"T1547.006", "T1014"};
        event.finding->evidence = {std::string(64, 'a'), std::string(64, 'b')};
        event.finding->acknowledged = FindingRecord::Acknowledged{"uid 0", "ticket 881", at(9)};
        event.finding->suppressed_by = "EX-1";
        event.text = "words";
        all.push_back(event);
        event.finding->kind = FindingRecord::Kind::unwatched;
        event.finding->row = Json::object();
        event.finding->evidence.clear();
        event.finding->attack.clear();
        event.finding->remediation.clear();
        event.finding->fingerprint.clear();
        event.finding->policy_version.clear();
        all.push_back(event);
        event.finding->kind = FindingRecord::Kind::exception_expired;
        event.finding->guest = "host/node1";
        event.finding->fingerprint = "EX-1";
        all.push_back(event);
      }
  return all;
}

TEST(Ocsf, EveryEventIsADetectionFindingByTheSchema) {
  const OcsfSchema schema;
  for (const AgentEvent& event : all_events()) {
    const Json json = ocsf_event(event, kOrigin);
    EXPECT_EQ(schema.complaints(json), "") << json.dump(2);
  }
}

TEST(Ocsf, AnExceptionIsAboutTheHost) {
  AgentEvent event = some_event();
  EXPECT_EQ(ocsf_event(event, kOrigin)["resources"][0]["type"], "Virtual Machine");
  event.finding->kind = FindingRecord::Kind::exception_unused;
  EXPECT_EQ(ocsf_event(event, kOrigin)["resources"][0]["type"], "Server");
}

TEST(Ocsf, TheSchemaSeesWhatIsWrong) {
  const OcsfSchema schema;
  const Json good = ocsf_event(some_event(), kOrigin);
  ASSERT_EQ(schema.complaints(good), "");
  const auto broken = [&](const char* pointer, const Json& value) {
    Json bad = good;
    bad[Json::json_pointer(pointer)] = value;
    return schema.complaints(bad);
  };
  EXPECT_NE(broken("/class_uid", 2001), "");
  EXPECT_NE(broken("/type_uid", 200402), "") << "it is no update";
  EXPECT_NE(broken("/severity_id", 7), "");
  EXPECT_NE(broken("/status_id", 77), "");
  EXPECT_NE(broken("/time", "2026-01-31T12:00:00Z"), "");
  EXPECT_NE(broken("/metadata/version", "1.4.0"), "");
  EXPECT_NE(broken("/metadata/products", Json::object()), "");
  EXPECT_NE(broken("/finding_info", Json::object()), "");
  EXPECT_NE(broken("/finding_info/attacks/0", Json::object()), "");
  EXPECT_NE(broken("/evidences/0", Json{{"name", "x"}}), "");
  EXPECT_NE(broken("/device", Json{{"type_id", 1}}), "");
  EXPECT_NE(broken("/severty", "high"), "");
}

TEST(Ocsf, SaysWhatHappenedToWhatWhereAndHowBad) {
  const Json opened = ocsf_event(some_event(), kOrigin);
  EXPECT_EQ(opened["type_uid"], 200401);
  EXPECT_EQ(opened["severity_id"], 5);
  EXPECT_EQ(opened["status_id"], 1);
  EXPECT_EQ(opened["disposition_id"], 15);
  EXPECT_EQ(opened["is_alert"], true);
  EXPECT_EQ(opened["time"], 1'800'000'000'000);
  EXPECT_EQ(opened["finding_info"]["uid"], some_event().finding->id);
  EXPECT_EQ(opened["finding_info"]["analytic"]["uid"], "idt/gates");
  EXPECT_EQ(opened["resources"][0]["uid"], "uuid-1");
  EXPECT_EQ(opened["device"]["hostname"], "hv1.example");
  EXPECT_EQ(opened["evidences"][0]["data"]["vector"], 14);
  const Json closed = ocsf_event(some_event(0, AgentEvent::Kind::finding_resolved), kOrigin);
  EXPECT_EQ(closed["type_uid"], 200403);
  EXPECT_EQ(closed["status_id"], 4);
  EXPECT_EQ(closed["finding_info"]["uid"], opened["finding_info"]["uid"]);
  EXPECT_NE(closed["metadata"]["uid"], opened["metadata"]["uid"]);
  AgentEvent restored = some_event(0, AgentEvent::Kind::action);
  restored.what = "restore";
  EXPECT_EQ(ocsf_event(restored, kOrigin)["disposition_id"], 9);
  AgentEvent technique = some_event();
  technique.finding->attack = {"T1547.006"};
  const Json attack = ocsf_event(technique, kOrigin)["finding_info"]["attacks"][0];
  EXPECT_EQ(attack["technique"]["uid"], "T1547");
  EXPECT_EQ(attack["sub_technique"]["uid"], "T1547.006");
}

TEST(Syslog, IsARfc5424Message) {
  // HEADER SP STRUCTURED-DATA SP MSG (RFC 5424, 6).
  const std::regex form(
      R"(<(\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z [!-~]{1,255} ringside \d+ [!-~]{1,32} )"
      R"re(\[ringside@32473( [a-z]+="([^"\\\]]|\\["\\\]])*")+\] )re"
      "\xEF\xBB\xBF"
      R"([^\x00-\x1f]*)");
  for (const AgentEvent& event : all_events()) {
    const std::string message = syslog_message(event, kOrigin);
    EXPECT_TRUE(std::regex_match(message, form)) << message;
  }
  EXPECT_THAT(syslog_message(some_event(), kOrigin),
              StartsWith("<82>1 2027-01-15T08:00:00Z hv1.example ringside "));
  AgentEvent low = some_event();
  low.finding->severity = policies::Severity::low;
  EXPECT_THAT(syslog_message(low, kOrigin), StartsWith("<85>1 "));
}

TEST(Syslog, WhatAGuestSaysBreaksNothing) {
  AgentEvent event = some_event();
  event.finding->guest_name = "a\"]b\\c\nd\xff";
  event.finding->policy = "with blank\n" + std::string(100, 'p');
  event.text = "\x1b[31m" + std::string(100'000, 'x');
  const std::string message = syslog_message(event, {"host name\n", "1"});
  EXPECT_THAT(message, HasSubstr(R"( guest="a\"\]b\\c d)"));
  EXPECT_THAT(message, HasSubstr(" hostname ringside "));
  EXPECT_EQ(message.find('\n'), message.npos);
  EXPECT_EQ(message.find('\x1b'), message.npos);
  EXPECT_LT(message.size(), 8192u);
}

TEST(Falco, IsWhatFalcosidekickTakes) {
  for (const AgentEvent& event : all_events()) {
    const Json payload = falco_payload(event, kOrigin);
    for (const char* text : {"uuid", "output", "priority", "rule", "time", "source", "hostname"})
      EXPECT_TRUE(payload[text].is_string() && !payload[text].get<std::string>().empty()) << text;
    EXPECT_FALSE(payload["output_fields"].empty());
    EXPECT_TRUE(payload["tags"].is_array());
    EXPECT_THAT(std::vector<std::string>({"Critical", "Error", "Warning", "Notice", "Informational"}),
                ::testing::Contains(payload["priority"].get<std::string>()));
  }
  EXPECT_EQ(falco_payload(some_event(), kOrigin)["priority"], "Critical");
  EXPECT_EQ(falco_payload(some_event(), kOrigin)["output_fields"]["row.vector"], 14);
  EXPECT_EQ(falco_payload(some_event(0, AgentEvent::Kind::finding_resolved), kOrigin)["priority"],
            "Informational");
}

TEST(Alertmanager, ResolvesTheSameAlertThatItRaised) {
  const Json raised = alertmanager_alert(some_event(), kOrigin);
  const Json resolved = alertmanager_alert(some_event(0, AgentEvent::Kind::finding_resolved), kOrigin);
  EXPECT_EQ(raised["labels"], resolved["labels"]);
  EXPECT_EQ(raised["labels"], alertmanager_alert(*some_event().finding, kOrigin)["labels"]);
  EXPECT_EQ(raised["startsAt"], "2027-01-15T08:00:00Z");
  EXPECT_FALSE(raised.contains("endsAt"));
  EXPECT_EQ(resolved["endsAt"], "2027-01-15T08:00:00Z");
  EXPECT_EQ(raised["labels"]["alertname"], "RingsideFinding");
}

TEST(Outputs, AreToldWhatTheyAreFor) {
  OutputConfig output;
  output.at_least = policies::Severity::high;
  AgentEvent event = some_event();
  for (const auto kind : {OutputConfig::Kind::json, OutputConfig::Kind::syslog, OutputConfig::Kind::webhook,
                          OutputConfig::Kind::alertmanager}) {
    output.kind = kind;
    EXPECT_TRUE(message_for(output, event, kOrigin));
    AgentEvent mild = event;
    mild.finding->severity = policies::Severity::medium;
    EXPECT_FALSE(message_for(output, mild, kOrigin));
    AgentEvent silenced = event;
    silenced.finding->suppressed_by = "EX-1";
    EXPECT_FALSE(message_for(output, silenced, kOrigin));
    AgentEvent about_a_guest = event;
    about_a_guest.finding.reset();
    EXPECT_FALSE(message_for(output, about_a_guest, kOrigin));
    EXPECT_EQ(message_for(output, some_event(0, AgentEvent::Kind::finding_acknowledged), kOrigin).has_value(),
              kind != OutputConfig::Kind::alertmanager);
  }
}

TEST(Outputs, MessagesAreTheSameForTheSameEventAndValidUtf8ForAny) {
  AgentEvent event = some_event();
  event.finding->message = "\xff\xfe";
  event.finding->row["comm"] = "\xc3";
  for (const auto kind :
       {OutputConfig::Kind::json, OutputConfig::Kind::webhook, OutputConfig::Kind::alertmanager}) {
    OutputConfig output;
    output.kind = kind;
    const auto message = message_for(output, event, kOrigin);
    EXPECT_EQ(message, message_for(output, event, kOrigin));
    EXPECT_FALSE(Json::parse(*message, nullptr, false).is_discarded());
    EXPECT_EQ(message->find('\n'), message->npos);
  }
}

}  // namespace
}  // namespace ringside::agent
