// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/diagnostics.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ringside::policies {

enum class Severity { info, low, medium, high, critical };
std::string_view to_string(Severity severity);

/// Rows that must equal the baseline's.
struct Unchanged {
  std::string table;
  std::vector<std::string> key;      ///< columns that identify a row
  std::vector<std::string> columns;  ///< columns that must not change
  std::string where;                 ///< SQL; empty: all rows
};

/// How a violation is looked at again before it counts.
enum class Confirm {
  second_look,  ///< on a fresh snapshot of the running guest (the default)
  paused,       ///< on a snapshot taken with the guest stopped
  window,       ///< it must be the same at each of several looks over a while (the default of Linux policies)
  none,         ///< the first look counts; no policy says so, only the user can
};
std::string_view to_string(Confirm confirm);

/// Bounds of Confirm::window. A kernel at work is always in the middle of something; what it was in the
/// middle of is over within three seconds, so that what stays the same for five is no work in progress.
struct ConfirmWindow {
  std::chrono::milliseconds length{5'000};  ///< from the first look to the last
  unsigned looks = 6;                       ///< at least so many, the first and the last included; 2 or more
  /// The guest's kernel must have had time of its own as well: for what it takes off its lists and frees
  /// later.
  bool guest_time = false;
  /// How far apart looks are that just suffice.
  std::chrono::milliseconds pace() const { return length / (looks - 1); }
};
inline constexpr std::chrono::milliseconds kShortestWindow{100}, kLongestWindow{60 * 60 * 1000};
inline constexpr unsigned kFewestLooks = 2, kMostLooks = 100;
/// Policies whose name begins so look at a Linux kernel: their checks confirm over a window if they say
/// nothing else.
inline constexpr std::string_view kLinuxPolicy = "linux-";

struct Check {
  std::string id;
  std::string title;
  Severity severity = Severity::high;
  std::vector<std::string> attack;  ///< MITRE ATT&CK ids; the policy's if the check has none
  std::string query;  ///< SQL that returns the violating rows (table/where/expect is compiled to it)
  std::optional<Unchanged> unchanged;  ///< then `query` is compiled from it too
  std::string table;                   ///< of table/where/expect and `unchanged`; empty for `query`
  std::vector<std::string> key;        ///< result columns that tell one violation from another; empty: all
  std::string message;  ///< template: {{column}}; for `unchanged` also {{old.column}} and {{change}}
  Confirm confirm = Confirm::second_look;
  ConfirmWindow window;                      ///< of Confirm::window
  std::vector<std::string> actions;          ///< "alert", "restore", ...
  std::vector<std::string> baseline_tables;  ///< tables of schema `baseline` that the query reads
  bool needs_baseline() const { return !baseline_tables.empty(); }
};

/// Which guests a policy applies to; empty: any. A guest that does not match gets `not applicable`.
struct GuestSelector {
  std::vector<std::string> paging;        ///< "2-level", "pae", "4-level", "5-level"
  std::vector<std::string> accelerators;  ///< "kvm", "tcg"
  bool nx = false;                        ///< only where every started vCPU has EFER.NXE on
  bool golden = false;                    ///< only where the vendor's kernel was imported
};

/// Whether a policy's actions that change a guest or stop it are meant.
enum class Mode {
  observe,  ///< the default: alert and evidence only
  enforce,  ///< the others too, where the daemon's configuration allows them
};
std::string_view to_string(Mode mode);

struct Policy {
  std::string file;
  std::string name, version, title, description;
  std::string false_positives;  ///< what a healthy guest may do that looks the same
  std::string remediation;      ///< what to do about a violation
  Severity severity = Severity::high;
  std::vector<std::string> attack;
  GuestSelector guests;
  Mode mode = Mode::observe;
  std::chrono::milliseconds interval{1'000};  ///< wanted; scheduling by it is the caller's (`scan` does not)
  std::vector<Check> checks;
};

struct PolicySet {
  std::vector<Policy> policies;
  std::vector<Diagnostic> errors;  ///< not empty: none of the policies may be used
};

/// Loads and fully checks policy files; a directory stands for its *.yaml files, sorted. Every check's SQL is
/// prepared against the tables' schema, so unknown tables, unknown columns and bad SQL are errors here, with
/// place.
PolicySet load_policies(const std::vector<std::string>& paths);
PolicySet load_policy_text(const std::string& file, const std::string& text);
/// The policies that are compiled into the program (policies/shipped, policies/linux).
PolicySet shipped_policies();

}  // namespace ringside::policies
