// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "agent/output/style.h"
#include "agent/scan/look_tally.h"
#include "agent/scan/report.h"

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// What `scan --every` prints: a line a change for people, or a JSON object a line.
class WatchReporter {
 public:
  WatchReporter(std::ostream& out, bool json, Style style) : out_(out), json_(json), style_(style) {}

  void started(const guest::GuestInfo& info, std::chrono::milliseconds every, std::size_t policies,
               Moment now);
  /// What changed in one tick. People get one line for all checks that became unknown for the same reason.
  void changes(const std::vector<Change>& all, Moment now);
  /// After each tick; the first one says how things stand. `undecided`: checks that are still being
  /// confirmed.
  void ticked(const Tally& tally, std::size_t undecided, Moment now);
  /// Something happened to the guest: `what` is one word for programs, `text` a line for people.
  void guest(std::string_view what, const std::string& text, Moment now);
  void ended(const std::string& why, std::uint64_t ticks, const FindingLog& findings, const LookTally& tally,
             std::size_t undecided, Exit exit, Moment now);
  /// False once a line could not be written (the reader has gone).
  bool can_write() const;

 private:
  void line(Moment now, const std::string& text);
  void change(const Change& change, Moment now);
  void change_json(const Change& change, Moment now);

  std::ostream& out_;
  bool json_;
  Style style_;
  bool first_ = true;
};

}  // namespace ringside::agent
