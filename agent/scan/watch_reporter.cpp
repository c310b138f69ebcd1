// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/watch_reporter.h"

#include "agent/output/format.h"
#include "agent/verbs/support.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <ostream>

namespace ringside::agent {

namespace {

std::string_view name(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::opened:
      return "opened";
    case Change::Kind::resolved:
      return "resolved";
    case Change::Kind::blind:
      return "unknown";
    case Change::Kind::seen_again:
      return "known";
  }
  return "?";
}

bool is_finding(const Change& change) {
  return change.kind == Change::Kind::opened || change.kind == Change::Kind::resolved;
}

}  // namespace

void WatchReporter::line(Moment now, const std::string& text) {
  out_ << style_.dim(rfc3339(std::chrono::floor<std::chrono::seconds>(now))) << ' ' << text << '\n'
       << std::flush;
}

void WatchReporter::started(const guest::GuestInfo& info, std::chrono::milliseconds every,
                            std::size_t policies, Moment now) {
  if (json_) {
    write_line(out_, {{"event", "started"},
                      {"time", rfc3339(now)},
                      {"guest", guest_json(info)},
                      {"every_ms", every.count()},
                      {"policies", policies}});
    return;
  }
  line(now, fmt::format("watching {} every {} through {}, {} {}", guest_label(info), human_duration(every),
                        info.backend, policies, policies == 1 ? "policy" : "policies"));
}

void WatchReporter::changes(const std::vector<Change>& all, Moment now) {
  std::map<std::string, std::vector<const Change*>> alike;  // blind and seen_again, by what they would say
  for (const Change& one : all) {
    if (json_)
      change_json(one, now);
    else if (is_finding(one))
      change(one, now);
    else
      alike[fmt::format("{}{}", name(one.kind), fmt::join(one.reasons, "; "))].push_back(&one);
  }
  for (const auto& [words, group] : alike) {
    if (group.size() == 1) {
      change(*group.front(), now);
      continue;
    }
    const Change& first = *group.front();
    if (first.kind == Change::Kind::blind)
      line(now, fmt::format("{} {}: {}", style_.yellow("unknown"), counted(group.size(), "check"),
                            printable(fmt::format("{}", fmt::join(first.reasons, "; ")))));
    else
      line(now, fmt::format("{} {} can be evaluated again", style_.green("known"),
                            counted(group.size(), "check")));
  }
}

void WatchReporter::change_json(const Change& change, Moment now) {
  Json object{{"event", name(change.kind)}, {"time", rfc3339(now)}};
  if (is_finding(change)) {
    object["finding"] = to_json(change.finding);
  } else {
    object["policy"] = change.finding.policy->name;
    object["check"] = change.finding.check->id;
    object["reasons"] = change.reasons;
  }
  write_line(out_, object);
}

void WatchReporter::change(const Change& change, Moment now) {
  const auto& finding = change.finding;
  const std::string check = fmt::format("{}/{}", finding.policy->name, finding.check->id);
  switch (change.kind) {
    case Change::Kind::opened:
      line(now, fmt::format("{} {} ({}): {}", style_.red("FINDING"), check,
                            to_string(finding.check->severity), printable(finding.violation.message)));
      break;
    case Change::Kind::resolved:
      line(now, fmt::format("{} {} after {}: {}", style_.green("resolved"), check,
                            human_duration(now - finding.first_seen), printable(finding.violation.message)));
      break;
    case Change::Kind::blind:
      line(now, fmt::format("{} {}: {}", style_.yellow("unknown"), check,
                            printable(fmt::format("{}", fmt::join(change.reasons, "; ")))));
      break;
    case Change::Kind::seen_again:
      line(now, fmt::format("{} {} can be evaluated again", style_.green("known"), check));
      break;
  }
}

void WatchReporter::ticked(const Tally& tally, std::size_t undecided, Moment now) {
  if (!first_) return;
  first_ = false;
  if (json_)
    write_line(out_, {{"event", "first_tick"},
                      {"time", rfc3339(now)},
                      {"summary", to_json(tally)},
                      {"being_confirmed", undecided}});
  else
    line(now, summary(tally, style_) +
                  (undecided == 0 ? "" : fmt::format("; {} being confirmed", counted(undecided, "check"))));
}

void WatchReporter::guest(std::string_view what, const std::string& text, Moment now) {
  if (json_)
    write_line(out_, {{"event", "guest"}, {"time", rfc3339(now)}, {"what", what}, {"message", text}});
  else
    line(now, style_.yellow(printable(text)));
}

void WatchReporter::ended(const std::string& why, std::uint64_t ticks, const FindingLog& findings,
                          const LookTally& tally, std::size_t undecided, Exit exit, Moment now) {
  if (json_) {
    write_line(out_, {{"event", "ended"},
                      {"time", rfc3339(now)},
                      {"reason", why},
                      {"ticks", ticks},
                      {"findings_opened", findings.opened()},
                      {"findings_open", findings.open().size()},
                      {"not_confirmed", undecided},
                      {"looks", tally.looks()},
                      {"not_always_known", tally.to_json()},
                      {"exit", static_cast<int>(exit)}});
    return;
  }
  line(now, fmt::format("ended after {}: {}; {} opened, {} still open{}", counted(ticks, "tick"), why,
                        counted(findings.opened(), "finding"), findings.open().size(),
                        undecided == 0 ? ""
                                       : fmt::format("; {} showed a violation that was not confirmed yet",
                                                     counted(undecided, "check"))));
  if (tally.ever_unknown() > 0)
    line(now, fmt::format("unknown at some of {}: {}; at each: {}", counted(tally.looks(), "look"),
                          counted(tally.ever_unknown(), "check"), tally.always_unknown()));
}

bool WatchReporter::can_write() const {
  return out_.good();
}

}  // namespace ringside::agent
