// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/finding_text.h"

#include "agent/output/cells.h"
#include "agent/output/wrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace ringside::agent {

using policies::Verdict;

namespace {

// More than this many lines under one check help nobody; JSON has all of them.
constexpr std::size_t kMaxFindings = 20, kMaxEvidence = 5;
constexpr std::size_t kMaxCell = 96;                            // characters of one value
constexpr std::size_t kCheck = 2, kFinding = 4, kEvidence = 6;  // columns where these start

using Mark = std::string (Style::*)(std::string_view) const;

void add(std::string& out, const std::string& text, std::size_t indent, const Style& style, Mark mark,
         std::string_view first = {}) {
  std::string_view lead = first;
  for (const auto& line : wrap(printable(text), kPageWidth - indent - first.size())) {
    out += std::string(indent, ' ');
    out += lead.empty() ? std::string(first.size(), ' ') : std::string(lead);
    lead = {};
    out += (mark == nullptr ? line : (style.*mark)(line)) + '\n';
  }
}

/// Whether `word` stands in `text` with nothing beside it that would make it another word.
bool mentions(std::string_view text, std::string_view word) {
  const auto part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool before = at > 0 && part(text[at - 1]);
    const std::size_t end = at + word.size();
    if (!before && (end == text.size() || !part(text[end]))) return true;
  }
  return false;
}

std::string heading(const policies::CheckResult& result) {
  std::string out = fmt::format("{}: {} ({}", to_string(result.check->severity), result.check->title,
                                result.policy->name + "/" + result.check->id);
  for (const auto& id : result.check->attack.empty() ? result.policy->attack : result.check->attack)
    out += ", " + id;
  return out + ")";
}

void add_check(std::string& out, const policies::CheckResult& result, const Style& style) {
  add(out, heading(result), kCheck, style, nullptr);
  for (std::size_t i = 0; i < result.violations.size() && i < kMaxFindings; ++i) {
    const auto& violation = result.violations[i];
    add(out, violation.message, kFinding, style, &Style::red, "- ");
    if (i >= kMaxEvidence) continue;
    std::string evidence = evidence_of(violation);
    evidence += fmt::format("{}finding {}", evidence.empty() ? "" : "; ", violation.fingerprint);
    add(out, evidence, kEvidence, style, &Style::dim);
  }
  if (result.violations.size() > kMaxFindings)
    out += fmt::format("{:{}}... and {} more (--json has all)\n", "", kFinding,
                       result.violations.size() - kMaxFindings);
}

}  // namespace

std::string evidence_of(const policies::Violation& violation) {
  std::string out;
  for (std::size_t i = 0; i < violation.columns.size() && i < violation.row.size(); ++i) {
    if (std::holds_alternative<std::monostate>(violation.row[i])) continue;
    std::string value = text_cell(violation.row[i], violation.columns[i].type);
    if (value.empty() || mentions(violation.message, value)) continue;
    if (value.size() > kMaxCell) value = value.substr(0, kMaxCell) + "...";
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", violation.columns[i].name, value);
  }
  return out;
}

std::string finding_text(const Subject& subject, const Style& style) {
  std::string out = style.bold(printable(subject.policy->title)) + "\n";
  for (const auto* check : subject.checks)
    if (check->verdict == Verdict::violated) add_check(out, *check, style);
  const auto advice = [&](const std::string& text, std::string_view what) {
    if (!text.empty()) add(out, text, kCheck, style, nullptr, what);
  };
  advice(subject.policy->remediation, "What to do:  ");
  advice(subject.policy->false_positives, "Harmless if: ");
  return out;
}

}  // namespace ringside::agent
