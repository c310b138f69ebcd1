// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/report.h"

#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/verbs/support.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

using policies::CheckResult;
using policies::Verdict;

namespace {

/// More than this many lines under one check help nobody; JSON has all of them.
constexpr std::size_t kMaxLines = 20;

std::string word(Verdict verdict, const Style& style) {
  switch (verdict) {
    case Verdict::ok:
      return style.green("ok");
    case Verdict::violated:
      return style.red("VIOLATED");
    case Verdict::unknown:
      return style.yellow("unknown");
    case Verdict::not_applicable:
      return style.dim("n/a");
  }
  return "?";
}

void add_lines(std::string& out, std::vector<std::string> lines, const Style& style, bool alarm) {
  const std::size_t shown = std::min(lines.size(), kMaxLines);
  for (std::size_t i = 0; i < shown; ++i) {
    const std::string text = printable(lines[i]);
    out += fmt::format("            {}\n", alarm ? style.red(text) : style.dim(text));
  }
  if (lines.size() > shown)
    out += fmt::format("            ... and {} more (--json has all)\n", lines.size() - shown);
}

}  // namespace

Tally Tally::of(const std::vector<CheckResult>& results) {
  Tally tally;
  for (const auto& result : results) {
    tally.ok += result.verdict == Verdict::ok ? 1 : 0;
    tally.violated += result.verdict == Verdict::violated ? 1 : 0;
    tally.unknown += result.verdict == Verdict::unknown ? 1 : 0;
    tally.not_applicable += result.verdict == Verdict::not_applicable ? 1 : 0;
  }
  return tally;
}

std::string summary(const Tally& tally, const Style& style) {
  std::string out = fmt::format("{}: {} ok", counted(tally.all(), "check"), tally.ok);
  if (tally.violated > 0) out += ", " + style.red(fmt::format("{} VIOLATED", tally.violated));
  if (tally.unknown > 0) out += ", " + style.yellow(fmt::format("{} unknown", tally.unknown));
  if (tally.not_applicable > 0) out += fmt::format(", {} not applicable", tally.not_applicable);
  return out;
}

Json to_json(const Tally& tally) {
  return {{"checks", tally.all()},
          {"ok", tally.ok},
          {"violated", tally.violated},
          {"unknown", tally.unknown},
          {"not_applicable", tally.not_applicable}};
}

std::string render_scan(const std::vector<CheckResult>& results, const Style& style) {
  std::size_t width = 0;
  for (const auto& result : results)
    width = std::max(width, result.policy->name.size() + 1 + result.check->id.size());
  std::string out;
  for (const auto& result : results) {
    const std::string verdict = word(result.verdict, style);
    const std::string name = fmt::format("{}/{}", result.policy->name, result.check->id);
    const std::size_t blanks = 10 - std::min<std::size_t>(10, display_width(verdict));
    std::string line = fmt::format("  {}{:{}}{}", verdict, "", blanks, name);
    if (result.verdict == Verdict::violated) {
      line += std::string(width - name.size() + 2, ' ');
      line += fmt::format("{} ({}", result.check->title, to_string(result.check->severity));
      for (const auto& id : result.check->attack.empty() ? result.policy->attack : result.check->attack)
        line += ", " + id;
      line += ")";
    }
    // One reason fits on the line.
    const bool reason_in_line = result.verdict != Verdict::violated && result.reasons.size() == 1;
    if (reason_in_line)
      line += std::string(width - name.size() + 2, ' ') + style.dim(printable(result.reasons[0]));
    out += line + "\n";
    std::vector<std::string> messages;
    for (const auto& violation : result.violations) messages.push_back(violation.message);
    add_lines(out, std::move(messages), style, true);
    if (!reason_in_line) add_lines(out, result.reasons, style, false);
  }
  return out + summary(Tally::of(results), style) + "\n";
}

Json scan_json(const guest::GuestInfo& info, const std::vector<CheckResult>& results, Moment now) {
  Json checks = Json::array();
  for (const auto& result : results) {
    Json findings = Json::array();
    for (const auto& violation : result.violations)
      findings.push_back(to_json(Finding{result.policy, result.check, violation, now, now}));
    checks.push_back({{"policy", result.policy->name},
                      {"check", result.check->id},
                      {"title", result.check->title},
                      {"severity", to_string(result.check->severity)},
                      {"verdict", to_string(result.verdict)},
                      {"reasons", result.reasons},
                      {"findings", std::move(findings)}});
  }
  return {{"guest", guest_json(info)},
          {"checks", std::move(checks)},
          {"summary", to_json(Tally::of(results))},
          {"exit", static_cast<int>(exit_of(results))}};
}

}  // namespace ringside::agent
