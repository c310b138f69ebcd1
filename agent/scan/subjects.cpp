// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/subjects.h"

#include <algorithm>

namespace ringside::agent {

using policies::Verdict;

std::size_t Subject::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::count_if(
      checks.begin(), checks.end(), [&](const auto* check) { return check->verdict == verdict; }));
}

Verdict Subject::verdict() const {
  for (const Verdict one : {Verdict::violated, Verdict::unknown, Verdict::ok})
    if (count(one) > 0) return one;
  return Verdict::not_applicable;
}

std::size_t Subject::findings() const {
  std::size_t count = 0;
  for (const auto* check : checks) count += check->violations.size();
  return count;
}

std::vector<std::string> Subject::reasons() const {
  std::vector<std::string> all;
  const Verdict own = verdict();
  for (const auto* check : checks) {
    if (check->verdict == Verdict::ok || (check->verdict == Verdict::not_applicable && own != check->verdict))
      continue;
    for (const auto& reason : check->reasons)
      if (std::find(all.begin(), all.end(), reason) == all.end()) all.push_back(reason);
  }
  return all;
}

std::vector<Subject> subjects_of(const std::vector<policies::CheckResult>& results) {
  std::vector<Subject> subjects;
  for (const auto& result : results) {
    auto subject = std::find_if(subjects.begin(), subjects.end(),
                                [&](const Subject& one) { return one.policy == result.policy; });
    if (subject == subjects.end()) subject = subjects.insert(subject, Subject{result.policy, {}});
    subject->checks.push_back(&result);
  }
  return subjects;
}

}  // namespace ringside::agent
