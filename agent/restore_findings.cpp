// SPDX-License-Identifier: Apache-2.0
#include "agent/restore_findings.h"

#include "agent/guarded_write.h"
#include "guest/linux/kernel.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

using policies::CheckResult;
using policies::ColumnType;
using policies::Value;
using policies::Violation;

namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;  // of one finding

struct Cell {
  const Value* value = nullptr;
  ColumnType type = ColumnType::text;
};

Cell cell_of(const Violation& violation, std::string_view name) {
  for (std::size_t i = 0; i < violation.columns.size() && i < violation.row.size(); ++i)
    if (violation.columns[i].name == name) return {&violation.row[i], violation.columns[i].type};
  return {};
}

std::optional<std::int64_t> number(const Violation& violation, std::string_view name) {
  const Cell cell = cell_of(violation, name);
  const auto* number = cell.value == nullptr ? nullptr : std::get_if<std::int64_t>(cell.value);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

std::optional<Bytes> bytes_of(const Cell& cell, unsigned pointer_size) {
  if (cell.value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<std::int64_t>(cell.value))
    return cell.type == ColumnType::address ? std::optional(pointer_bytes(*number, pointer_size))
                                            : std::nullopt;
  const auto* text = std::get_if<std::string>(cell.value);
  if (text == nullptr || cell.type != ColumnType::bytes) return std::nullopt;
  auto bytes = from_hex(*text);
  return bytes ? std::optional(std::move(*bytes)) : std::nullopt;
}

std::string check_name(const CheckResult& result) {
  return result.policy->name + "/" + result.check->id;
}

/// Cut at page borders, each piece a step.
void add_steps(RestorePlan& plan, const RestorableFinding& finding, guest::Snapshot& snapshot,
               guest::AddressSpace& space) {
  const auto writes = plan_write(snapshot, &space, finding.gva.value, finding.expected);
  if (!writes) {
    plan.not_possible.push_back(fmt::format("{} at {}: {}", finding.check, guest::to_string(finding.gva),
                                            writes.error().error.message));
    return;
  }
  Bytes current;
  for (const auto& write : *writes)
    current.insert(current.end(), write.expected.begin(), write.expected.end());
  if (current != finding.actual) {
    plan.not_possible.push_back(fmt::format("{} at {}: it has changed since it was found", finding.check,
                                            guest::to_string(finding.gva)));
    return;
  }
  std::uint64_t offset = 0;
  for (const auto& write : *writes) {
    add_step(plan, {finding.check,
                    0,
                    0,
                    finding.gva + offset,
                    write.gpa,
                    write.expected,
                    write.replacement,
                    {},
                    finding.fingerprint});
    offset += write.replacement.size();
  }
}

/// Whether the step puts back the row that the violation is about.
bool same_row(const RestoreStep& step, const CheckResult& result, const Violation& violation) {
  if (result.check->table != step.table) return false;
  if (step.table == "syscalls") {
    const Cell abi = cell_of(violation, "abi");
    const auto* text = abi.value == nullptr ? nullptr : std::get_if<std::string>(abi.value);
    return text != nullptr && *text == step.abi && number(violation, "nr") == step.entry;
  }
  return number(violation, "vcpu") == step.vcpu &&
         number(violation, step.table == "idt" ? "vector" : "entry") == step.entry;
}

}  // namespace

std::optional<RestorableFinding> restorable(const CheckResult& result, const Violation& violation,
                                            unsigned pointer_size) {
  const auto gva = number(violation, "gva");
  auto expected = bytes_of(cell_of(violation, "expected"), pointer_size),
       actual = bytes_of(cell_of(violation, "actual"), pointer_size);
  if (!gva || !expected || !actual || expected->empty() || expected->size() != actual->size() ||
      expected->size() > kMaxBytes)
    return std::nullopt;
  return RestorableFinding{check_name(result),
                           violation.fingerprint,
                           {static_cast<std::uint64_t>(*gva)},
                           std::move(*expected),
                           std::move(*actual)};
}

void plan_findings(RestorePlan& plan, const std::vector<CheckResult>& results, guest::Snapshot& snapshot,
                   const std::vector<std::string>& wanted) {
  const auto kernel = guest::linux::Kernel::of(snapshot);
  for (const auto& result : results) {
    for (const auto& violation : result.violations) {
      if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), violation.fingerprint) == wanted.end())
        continue;
      const auto finding = restorable(result, violation, kernel ? (*kernel)->pointer_size() : 8);
      if (!finding) continue;
      if (kernel)
        add_steps(plan, *finding, snapshot, (*kernel)->space());
      else
        plan.not_possible.push_back(fmt::format("{} at {}: {}", finding->check,
                                                guest::to_string(finding->gva), kernel.error().message));
    }
  }
}

void keep_wanted(RestorePlan& plan, const std::vector<CheckResult>& results,
                 const std::vector<std::string>& wanted) {
  if (wanted.empty()) return;
  std::vector<RestoreStep> kept;
  for (const auto& fingerprint : wanted) {
    bool known = false;
    const std::size_t before = kept.size();
    for (const auto& result : results) {
      for (const auto& violation : result.violations) {
        if (violation.fingerprint != fingerprint) continue;
        known = true;
        for (const auto& step : plan.steps)
          if (step.finding == fingerprint || same_row(step, result, violation)) kept.push_back(step);
      }
    }
    if (!known)
      plan.not_possible.push_back("no finding " + fingerprint + " stands now");
    else if (kept.size() == before)
      plan.not_possible.push_back("finding " + fingerprint +
                                  " does not say what to put back, nor does a baseline");
  }
  plan.steps.clear();
  for (auto& step : kept) add_step(plan, std::move(step));
}

}  // namespace ringside::agent
