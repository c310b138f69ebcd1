// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/evaluator.h"

#include <string>
#include <vector>

namespace ringside::agent {

/// A policy with two checks, to make results of.
struct SamplePolicy {
  policies::Policy policy;
  SamplePolicy() {
    policy.name = "idt";
    policy.version = "1.0.0";
    policy.title = "Interrupts";
    policy.remediation = "Look.";
    policy.false_positives = "None.";
    policy.attack = {"T1014"};
    policy.checks.resize(2);
    policy.checks[0].id = "gates";
    policy.checks[0].title = "A gate differs";
    policy.checks[0].severity = policies::Severity::critical;
    policy.checks[1].id = "moved";
    policy.checks[1].title = "The table has moved";
  }
  SamplePolicy(const SamplePolicy&) = delete;
  SamplePolicy& operator=(const SamplePolicy&) = delete;

  policies::CheckResult ok(std::size_t check = 0) const {
    return {&policy, &policy.checks[check], policies::Verdict::ok, {}, {}};
  }
  policies::CheckResult not_applicable(std::size_t check = 0) const {
    return {
        &policy, &policy.checks[check], policies::Verdict::not_applicable, {}, {"the accelerator is tcg"}};
  }
  policies::CheckResult unknown(const std::string& why, std::size_t check = 0) const {
    return {&policy, &policy.checks[check], policies::Verdict::unknown, {}, {why}};
  }
  policies::CheckResult violated(const std::vector<std::string>& fingerprints, std::size_t check = 0) const {
    policies::CheckResult result{&policy, &policy.checks[check], policies::Verdict::violated, {}, {}};
    for (const auto& fingerprint : fingerprints)
      result.violations.push_back(
          {"gate " + fingerprint + " changed",
           fingerprint,
           {{"vector", policies::ColumnType::integer}, {"handler", policies::ColumnType::address}},
           {std::int64_t{14}, std::int64_t{-4096}},
           "identity of " + fingerprint});
    return result;
  }
};

}  // namespace ringside::agent
