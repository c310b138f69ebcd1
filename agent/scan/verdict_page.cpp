// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/verdict_page.h"

#include "agent/output/format.h"
#include "agent/output/wrap.h"
#include "agent/scan/finding_text.h"
#include "agent/scan/report.h"
#include "agent/scan/subjects.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

using policies::Verdict;

namespace {

constexpr std::size_t kTitle = 12;             // column where titles start
constexpr std::size_t kHalf = kPageWidth / 2;  // two subjects a line

using Mark = std::string (Style::*)(std::string_view) const;

/// "  VIOLATED  ", padded to where titles start.
std::string word(std::string_view text, const Style& style, Mark mark) {
  return "  " + (style.*mark)(text) + std::string(kTitle - 2 - text.size(), ' ');
}

/// Wrapped below a title.
std::string below(const std::string& text, std::size_t indent, const Style& style, Mark mark) {
  std::string out;
  for (const auto& line : wrap(printable(text), kPageWidth - indent))
    out += std::string(indent, ' ') + (style.*mark)(line) + '\n';
  return out;
}

/// Two a line where they fit.
std::string in_columns(const std::vector<std::string>& entries) {
  std::string out;
  bool open = false;  // the left half of the line stands
  for (const auto& entry : entries) {
    const std::size_t width = display_width(entry);
    if (open && width > kHalf) {
      out += '\n';
      open = false;
    }
    out += entry;
    if (open || width >= kHalf - 1) {
      out += '\n';
      open = false;
    } else {
      out += std::string(kHalf - width, ' ');
      open = true;
    }
  }
  if (open) out += '\n';
  return out;
}

/// No blanks at the ends of lines.
std::string trimmed(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::size_t last = text.find_last_not_of(' ', end == 0 ? 0 : end - 1);
    if (last != std::string::npos && last >= at && end > at) out += text.substr(at, last + 1 - at);
    out += '\n';
    at = end + 1;
  }
  return out;
}

std::string title_of(const Subject& subject) {
  return printable(subject.policy->title.empty() ? subject.policy->name : subject.policy->title);
}

std::string violated_lines(const Subject& subject, const Style& style) {
  std::string out = word("VIOLATED", style, &Style::red) + style.bold(title_of(subject)) +
                    fmt::format(": {}\n", counted(subject.findings(), "finding"));
  const auto reasons = subject.reasons();
  if (!reasons.empty())
    out += below(fmt::format("and not all of it could be checked: {}{}", reasons.front(),
                             reasons.size() == 1 ? "" : fmt::format(" (and {} more)", reasons.size() - 1)),
                 kTitle, style, &Style::dim);
  return out;
}

/// "Kernel text (2 of 4 checks)".
std::string partial_title(const Subject& subject, Verdict verdict) {
  const std::size_t affected = subject.count(verdict);
  if (affected == subject.checks.size()) return title_of(subject);
  return fmt::format("{} ({} of {})", title_of(subject), affected, counted(subject.checks.size(), "check"));
}

/// Subjects with one verdict that is not ok, by why: the reason stands once below those that share it.
std::string explained(const std::vector<Subject>& subjects, Verdict verdict, std::string_view name,
                      const Style& style, Mark mark) {
  std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> groups;  // reasons, titles
  for (const Subject& subject : subjects) {
    if (subject.verdict() != verdict) continue;
    const auto reasons = subject.reasons();
    auto group =
        std::find_if(groups.begin(), groups.end(), [&](const auto& one) { return one.first == reasons; });
    if (group == groups.end()) group = groups.insert(group, {reasons, {}});
    group->second.push_back(partial_title(subject, verdict));
  }
  std::string out;
  for (const auto& [reasons, titles] : groups) {
    std::vector<std::string> entries;
    for (const auto& title : titles) entries.push_back(word(name, style, mark) + title);
    out += in_columns(entries);
    if (reasons.empty()) continue;
    out += below(
        fmt::format(
            "{}{}", reasons.front(),
            reasons.size() == 1 ? "" : fmt::format(" (and {} more: --json has all)", reasons.size() - 1)),
        kTitle + 2, style, &Style::dim);
  }
  return out;
}

std::string bottom_line(const std::vector<Subject>& subjects, const Style& style) {
  std::size_t violated = 0, unknown = 0, applicable = 0, findings = 0;
  for (const Subject& subject : subjects) {
    const Verdict verdict = subject.verdict();
    violated += verdict == Verdict::violated ? 1 : 0;
    unknown += verdict == Verdict::unknown ? 1 : 0;
    applicable += verdict == Verdict::not_applicable ? 0 : 1;
    findings += subject.findings();
  }
  if (violated > 0)
    return style.red(fmt::format("VIOLATED: {} in {} of {}", counted(findings, "finding"), violated,
                                 counted(applicable, "subject"))) +
           (unknown == 0 ? "" : style.yellow(fmt::format("; {} could not be checked wholly", unknown)));
  if (unknown > 0)
    return style.yellow(
        fmt::format("UNKNOWN: no violation was found, but {} of {} could not be checked wholly", unknown,
                    counted(applicable, "subject")));
  return style.green(fmt::format("OK: {} checked, nothing is wrong", counted(applicable, "subject")));
}

}  // namespace

std::string render(const VerdictPage& page, const Style& style) {
  const auto subjects = subjects_of(page.results);
  std::string out = page.heading.empty() ? "" : style.bold(printable(page.heading)) + "\n\n";
  std::vector<std::string> fine;
  for (const Subject& subject : subjects) {
    if (subject.verdict() == Verdict::violated) out += violated_lines(subject, style);
    if (subject.verdict() == Verdict::ok)
      fine.push_back(word("ok", style, &Style::green) + title_of(subject));
  }
  out += explained(subjects, Verdict::unknown, "unknown", style, &Style::yellow);
  out += in_columns(fine);
  out += explained(subjects, Verdict::not_applicable, "n/a", style, &Style::dim);
  for (const Subject& subject : subjects)
    if (subject.verdict() == Verdict::violated) out += "\n" + finding_text(subject, style);
  out += "\n" + bottom_line(subjects, style) + "\n" +
         style.dim(summary(Tally::of(page.results), Style(false))) + "\n";
  if (!page.note.empty()) out += below(page.note, 0, style, &Style::yellow);
  return trimmed(out);
}

}  // namespace ringside::agent
