// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/formats.h"

#include "agent/output/format.h"
#include "agent/outputs/ocsf.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace ringside::agent {

namespace {

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const AgentEvent& event) {
  const FindingRecord& finding = *event.finding;
  const std::string text = event.text.empty() ? finding.title + ": " + finding.message : event.text;
  return event.kind == AgentEvent::Kind::finding_resolved ? "resolved: " + text : text;
}

/// `text` as valid UTF-8 without control characters, of at most `bound` bytes.
std::string bounded_line(const std::string& text, std::size_t bound) {
  std::string line = dumped(text);  // what is no UTF-8 is replaced
  line = Json::parse(line).get<std::string>();
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  if (line.size() <= bound) return line;
  std::size_t end = bound;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end);
}

/// A field of the header: printable ASCII without blanks (RFC 5424, 6.2).
std::string header_field(const std::string& text, std::size_t bound) {
  std::string field;
  for (const char c : text)
    if (c > ' ' && c < 0x7f && field.size() < bound) field += c;
  return field.empty() ? "-" : field;
}

/// name="value" with what RFC 5424, 6.3.3 wants escaped.
std::string parameter(std::string_view name, const std::string& value) {
  std::string escaped;
  for (const char c : bounded_line(value, 512)) {
    if (c == '"' || c == '\\' || c == ']') escaped += '\\';
    escaped += c;
  }
  return fmt::format(" {}=\"{}\"", name, escaped);
}

int syslog_severity(const AgentEvent& event) {
  if (event.kind != AgentEvent::Kind::finding_opened) return 5;  // notice
  switch (event.finding->severity) {
    case policies::Severity::info:
      return 6;
    case policies::Severity::low:
      return 5;
    case policies::Severity::medium:
      return 4;
    case policies::Severity::high:
      return 3;
    case policies::Severity::critical:
      return 2;
  }
  return 5;
}

std::string_view falco_priority(const AgentEvent& event) {
  if (event.kind != AgentEvent::Kind::finding_opened) return "Informational";
  switch (event.finding->severity) {
    case policies::Severity::info:
      return "Informational";
    case policies::Severity::low:
      return "Notice";
    case policies::Severity::medium:
      return "Warning";
    case policies::Severity::high:
      return "Error";
    case policies::Severity::critical:
      return "Critical";
  }
  return "Informational";
}

}  // namespace

std::string syslog_message(const AgentEvent& event, const Origin& origin) {
  static constexpr int kFacility = 10;
  const FindingRecord& finding = *event.finding;
  std::string attack;
  for (const auto& id : finding.attack) attack += (attack.empty() ? "" : ",") + id;
  // 32473 is the enterprise number of examples (RFC 5612): ringside has none of its own.
  const std::string data = "[ringside@32473" + parameter("event", std::string(to_string(event.kind))) +
                           parameter("finding", finding.id) + parameter("guest", finding.guest_name) +
                           parameter("key", finding.guest) + parameter("policy", finding.policy) +
                           parameter("check", finding.check) +
                           parameter("severity", std::string(to_string(finding.severity))) +
                           parameter("attack", attack) + parameter("uid", event_uid(event)) + "]";
  return fmt::format("<{}>1 {} {} ringside {} {} {} \xEF\xBB\xBF{}", kFacility * 8 + syslog_severity(event),
                     rfc3339(event.at), header_field(origin.hostname, 255), ::getpid(),
                     header_field(finding.policy, 32), data,
                     bounded_line(finding.guest_name + ": " + text_of(event), 3072));
}

Json falco_payload(const AgentEvent& event, const Origin& origin) {
  const FindingRecord& finding = *event.finding;
  const std::string uid = event_uid(event);
  Json fields{{"ringside.event", to_string(event.kind)},
              {"ringside.finding", finding.id},
              {"ringside.state", to_string(finding.state)},
              {"ringside.policy", finding.policy},
              {"ringside.check", finding.check},
              {"ringside.message", finding.message},
              {"guest.name", finding.guest_name},
              {"guest.key", finding.guest}};
  for (const auto& [column, value] : finding.row.items()) fields["row." + column] = value;
  Json tags = Json::array({"ringside"});
  for (const auto& id : finding.attack) tags.push_back(id);
  return {{"uuid", fmt::format("{}-{}-{}-{}-{}", uid.substr(0, 8), uid.substr(8, 4), uid.substr(12, 4),
                               uid.substr(16, 4), uid.substr(20, 12))},
          {"output", finding.guest_name + ": " + text_of(event)},
          {"priority", falco_priority(event)},
          {"rule", finding.title},
          {"time", rfc3339(event.at)},
          {"source", "ringside"},
          {"hostname", origin.hostname},
          {"tags", std::move(tags)},
          {"output_fields", std::move(fields)}};
}

Json alertmanager_alert(const FindingRecord& finding, const Origin& origin) {
  Json alert{{"labels",
              {{"alertname", "RingsideFinding"},
               {"severity", to_string(finding.severity)},
               {"guest", finding.guest_name},
               {"policy", finding.policy},
               {"check", finding.check},
               {"finding", finding.id},
               {"instance", origin.hostname}}},
             {"annotations", {{"summary", finding.title}, {"description", finding.message}}}};
  if (!finding.remediation.empty()) alert["annotations"]["remediation"] = finding.remediation;
  return alert;
}

Json alertmanager_alert(const AgentEvent& event, const Origin& origin) {
  Json alert = alertmanager_alert(*event.finding, origin);
  alert[event.kind == AgentEvent::Kind::finding_resolved ? "endsAt" : "startsAt"] = rfc3339(event.at);
  return alert;
}

std::optional<std::string> message_for(const OutputConfig& output, const AgentEvent& event,
                                       const Origin& origin) {
  if (!event.finding || event.finding->suppressed_by || event.finding->severity < output.at_least)
    return std::nullopt;
  switch (output.kind) {
    case OutputConfig::Kind::json:
      return dumped(ocsf_event(event, origin));
    case OutputConfig::Kind::syslog:
      return syslog_message(event, origin);
    case OutputConfig::Kind::webhook:
      return dumped(falco_payload(event, origin));
    case OutputConfig::Kind::alertmanager:
      if (event.kind != AgentEvent::Kind::finding_opened && event.kind != AgentEvent::Kind::finding_resolved)
        return std::nullopt;
      return dumped(alertmanager_alert(event, origin));
  }
  return std::nullopt;
}

std::string_view to_string(OutputConfig::Kind kind) {
  switch (kind) {
    case OutputConfig::Kind::json:
      return "json";
    case OutputConfig::Kind::syslog:
      return "syslog";
    case OutputConfig::Kind::webhook:
      return "webhook";
    case OutputConfig::Kind::alertmanager:
      return "alertmanager";
  }
  return "json";
}

}  // namespace ringside::agent
