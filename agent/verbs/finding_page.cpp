// SPDX-License-Identifier: Apache-2.0
#include "agent/verbs/finding_page.h"

#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/output/wrap.h"
#include "agent/verbs/agent_client.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

std::string colored_severity(const std::string& severity, const Style& style) {
  if (severity == "critical" || severity == "high") return style.red(severity);
  return severity == "medium" ? style.yellow(severity) : severity;
}

std::string finding_state(const Json& finding) {
  std::string state = text_at(finding, "state");
  if (!at(finding, "suppressed_by").is_null()) state += ", suppressed";
  if (!at(finding, "acknowledged").is_null()) state += ", acknowledged";
  return state;
}

namespace {

std::string joined(const Json& texts) {
  std::string out;
  if (texts.is_array())
    for (const Json& text : texts)
      if (text.is_string()) out += (out.empty() ? "" : ", ") + printable(text.get<std::string>());
  return out.empty() ? "-" : out;
}

std::string wrapped(const std::string& text, std::size_t indent) {
  std::string out;
  for (const auto& line : wrap(text, kPageWidth - indent)) out += std::string(indent, ' ') + line + '\n';
  return out;
}

}  // namespace

std::string finding_page(const Json& finding, const Style& style) {
  std::string out = fmt::format("{}: {}\n", colored_severity(text_at(finding, "severity"), style),
                                style.bold(text_at(finding, "title")));
  if (!at(finding, "message").is_null()) out += wrapped(text_at(finding, "message"), 2);
  FactList facts;
  facts.add("finding", text_at(finding, "id"));
  facts.add("state", finding_state(finding));
  facts.add("guest", text_at(finding, "guest_name"));
  facts.add("check", fmt::format("{}/{} (policy version {})", text_at(finding, "policy"),
                                 text_at(finding, "check"), text_at(finding, "policy_version")));
  facts.add("ATT&CK", joined(at(finding, "attack")));
  facts.add("seen",
            fmt::format("{} to {}, opened {}", text_at(finding, "first_seen"), text_at(finding, "last_seen"),
                        counted(std::max<std::uint64_t>(count_at(finding, "count"), 1), "time")));
  if (!at(finding, "resolved_at").is_null()) facts.add("resolved", text_at(finding, "resolved_at"));
  if (!at(finding, "suppressed_by").is_null()) facts.add("suppressed by", text_at(finding, "suppressed_by"));
  if (const Json& known = at(finding, "acknowledged"); !known.is_null())
    facts.add("acknowledged", fmt::format("by {} at {}: {}", text_at(known, "by"), text_at(known, "at"),
                                          text_at(known, "note")));
  facts.add("evidence", joined(at(finding, "evidence")));
  out += '\n' + facts.render(style);
  if (const Json& row = at(finding, "row"); row.is_object() && !row.empty()) {
    FactList columns;
    for (const auto& [name, value] : row.items()) columns.add(printable(name), text_at(row, name));
    out += '\n' + columns.render(style, 2);
  }
  if (text_at(finding, "remediation") != "-")
    out += '\n' + style.bold("What to do") + '\n' + wrapped(text_at(finding, "remediation"), 2);
  return out;
}

}  // namespace ringside::agent
