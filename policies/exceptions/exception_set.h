// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/diagnostics.h"
#include "policies/engine/policy.h"
#include "policies/exceptions/pattern.h"

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ringside::policies {

/// What is known of a guest besides its memory.
struct GuestFacts {
  std::string name{}, uuid{};
  std::map<std::string, std::string> labels{};
};

/// Violations that somebody answers for. They are recorded as suppressed; nobody is told, nothing is done
/// about them. Every condition must hold; of a list one.
struct Exception {
  std::string file;
  unsigned line = 0;  ///< of its `id`
  std::string id, policy;
  std::string check;                                                 ///< empty: all of the policy
  std::vector<Pattern> names;                                        ///< of guests; empty: any
  std::vector<std::string> uuids;                                    ///< of guests, lower case; empty: any
  std::vector<std::pair<std::string, std::vector<Pattern>>> labels;  ///< of guests
  std::vector<std::pair<std::string, std::vector<Pattern>>> match;   ///< column and what it may be
  std::string reason, owner;
  std::chrono::sys_days expires{};  ///< the last day, UTC, on which it holds

  bool expired(std::chrono::sys_time<std::chrono::microseconds> now) const {
    return now >= expires + std::chrono::days(1);
  }
};

/// A violation, and when it is asked about.
struct ExceptionQuestion {
  const GuestFacts& guest;
  std::string_view policy, check;
  const std::vector<QueryColumn>& columns;
  const std::vector<Value>& row;
  std::chrono::sys_time<std::chrono::microseconds> now;
};

/// Every exception of some files. It is const after loading; match() may be called by several threads.
class ExceptionSet {
 public:
  /// Why an exception does not match; nothing: it does.
  struct Trace {
    const Exception* exception = nullptr;
    std::vector<std::string> why_not;
  };

  ExceptionSet() = default;
  ExceptionSet(std::vector<Exception> exceptions, std::vector<Diagnostic> errors);

  const std::vector<Exception>& all() const { return exceptions_; }
  /// Not empty: none of the exceptions may be used, and there are none.
  const std::vector<Diagnostic>& errors() const { return errors_; }

  /// The first by file order of those that match; nullptr: none does. All are tried, and all that match count
  /// as used.
  const Exception* match(const ExceptionQuestion& question) const;
  /// Of each exception for that policy, in file order, which conditions do not hold, in words. Values of the
  /// guest in them are as they are: printable() is the caller's. Counts nothing.
  std::vector<Trace> explain(const ExceptionQuestion& question) const;

  std::vector<const Exception*> expired(std::chrono::sys_time<std::chrono::microseconds> now) const;
  /// Those that matched nothing since they were loaded, or since carry_uses().
  std::vector<const Exception*> unused() const;
  /// Takes over which exceptions, by id, were used in `before`: after a reload.
  void carry_uses(const ExceptionSet& before);
  /// These, by id, have matched before they were loaded.
  void count_as_used(const std::set<std::string>& ids);

 private:
  std::vector<Exception> exceptions_;
  std::vector<Diagnostic> errors_;
  std::unique_ptr<std::atomic<bool>[]> used_;  ///< one each
};

/// Loads and fully checks files of `kind: Exceptions`; a directory stands for its *.yaml files, sorted. With
/// `policies`, exceptions for policies, checks or columns that there are not are errors too.
ExceptionSet load_exceptions(const std::vector<std::string>& paths,
                             const std::vector<Policy>* policies = nullptr);
ExceptionSet load_exception_text(const std::string& file, const std::string& text,
                                 const std::vector<Policy>* policies = nullptr);

}  // namespace ringside::policies
