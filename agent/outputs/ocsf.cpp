// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/ocsf.h"

#include "agent/output/format.h"

#include <utility>

namespace ringside::agent {

namespace {

// github.com/ocsf/ocsf-schema, v1.5.0: dictionary.json, events/findings, profiles/security_control.json.
constexpr int kFindings = 2, kDetectionFinding = 2004;

std::int64_t milliseconds(Moment moment) {
  return std::chrono::floor<std::chrono::milliseconds>(moment).time_since_epoch().count();
}

struct Named {
  int id;
  std::string_view name;
};

Named activity_of(AgentEvent::Kind kind) {
  if (kind == AgentEvent::Kind::finding_opened) return {1, "Create"};
  if (kind == AgentEvent::Kind::finding_resolved) return {3, "Close"};
  return {2, "Update"};
}

Named severity_of(policies::Severity severity) {
  switch (severity) {
    case policies::Severity::info:
      return {1, "Informational"};
    case policies::Severity::low:
      return {2, "Low"};
    case policies::Severity::medium:
      return {3, "Medium"};
    case policies::Severity::high:
      return {4, "High"};
    case policies::Severity::critical:
      return {5, "Critical"};
  }
  return {0, "Unknown"};
}

Named status_of(const FindingRecord& finding) {
  if (finding.state == FindingRecord::State::resolved) return {4, "Resolved"};
  if (finding.suppressed_by) return {3, "Suppressed"};
  return finding.acknowledged ? Named{2, "In Progress"} : Named{1, "New"};
}

Named action_of(const AgentEvent& event) {
  if (event.kind == AgentEvent::Kind::action && event.what == "restore") return {4, "Modified"};
  return {3, "Observed"};
}

Named disposition_of(const AgentEvent& event) {
  if (event.kind == AgentEvent::Kind::finding_opened) return {15, "Detected"};
  if (event.kind == AgentEvent::Kind::action && event.what == "restore") return {9, "Restored"};
  if (event.kind == AgentEvent::Kind::action && event.what == "pause") return {4, "Isolated"};
  return {17, "Logged"};
}

Json finding_info(const AgentEvent& event, const FindingRecord& finding) {
  Json attacks = Json::array();
  for (const auto& id : finding.attack) {
    const std::size_t dot = id.find('.');
    Json attack{{"technique", {{"uid", id.substr(0, dot)}}}};
    if (dot != id.npos) attack["sub_technique"] = {{"uid", id}};
    attacks.push_back(std::move(attack));
  }
  return {{"uid", finding.id},
          {"title", finding.title},
          {"desc", finding.message},
          {"types", {to_string(finding.kind)}},
          {"created_time", milliseconds(finding.first_seen)},
          {"first_seen_time", milliseconds(finding.first_seen)},
          {"last_seen_time", milliseconds(finding.last_seen)},
          {"modified_time", milliseconds(event.at)},
          {"analytic",
           {{"type_id", 1},
            {"type", "Rule"},
            {"uid", finding.policy + "/" + finding.check},
            {"name", finding.title},
            {"version", finding.policy_version}}},
          {"attacks", std::move(attacks)}};
}

Json evidences(const FindingRecord& finding) {
  Json all = Json::array();
  if (!finding.row.empty()) all.push_back({{"name", "row"}, {"data", finding.row}});
  for (const auto& sha256 : finding.evidence)
    all.push_back({{"name", "piece of evidence"}, {"uid", sha256}, {"data", {{"sha256", sha256}}}});
  return all;
}

}  // namespace

Json ocsf_event(const AgentEvent& event, const Origin& origin) {
  const FindingRecord& finding = *event.finding;
  const bool about_host = finding.kind == FindingRecord::Kind::exception_expired ||
                          finding.kind == FindingRecord::Kind::exception_unused;
  const Named activity = activity_of(event.kind), severity = severity_of(finding.severity),
              status = status_of(finding), action = action_of(event), disposition = disposition_of(event);
  Json json{{"metadata",
             {{"version", kOcsfVersion},
              {"uid", event_uid(event)},
              {"profiles", {"security_control"}},
              {"product", {{"name", "ringside"}, {"vendor_name", "ringside"}, {"version", origin.version}}}}},
            {"category_uid", kFindings},
            {"category_name", "Findings"},
            {"class_uid", kDetectionFinding},
            {"class_name", "Detection Finding"},
            {"activity_id", activity.id},
            {"activity_name", activity.name},
            {"type_uid", kDetectionFinding * 100 + activity.id},
            {"type_name", "Detection Finding: " + std::string(activity.name)},
            {"time", milliseconds(event.at)},
            {"severity_id", severity.id},
            {"severity", severity.name},
            {"status_id", status.id},
            {"status", status.name},
            {"action_id", action.id},
            {"action", action.name},
            {"disposition_id", disposition.id},
            {"disposition", disposition.name},
            {"confidence_id", 3},  // what is told was looked at twice
            {"confidence", "High"},
            {"is_alert", event.kind == AgentEvent::Kind::finding_opened},
            {"message", event.text.empty() ? finding.title + ": " + finding.message : event.text},
            {"count", finding.count},
            {"start_time", milliseconds(finding.first_seen)},
            {"end_time", milliseconds(finding.last_seen)},
            {"finding_info", finding_info(event, finding)},
            {"resources",
             {{{"uid", finding.guest},
               {"name", finding.guest_name},
               {"type", about_host ? "Server" : "Virtual Machine"}}}},
            {"device", {{"type_id", 1}, {"type", "Server"}, {"hostname", origin.hostname}}},
            {"evidences", evidences(finding)}};
  if (!finding.remediation.empty()) json["remediation"] = {{"desc", finding.remediation}};
  if (finding.acknowledged) json["comment"] = finding.acknowledged->by + ": " + finding.acknowledged->note;
  Json unmapped{{"event", to_string(event.kind)}, {"what", event.what}, {"fingerprint", finding.fingerprint}};
  if (finding.suppressed_by) unmapped["suppressed_by"] = *finding.suppressed_by;
  json["unmapped"] = std::move(unmapped);
  return json;
}

}  // namespace ringside::agent
