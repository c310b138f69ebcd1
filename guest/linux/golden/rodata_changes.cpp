// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/rodata_changes.h"

#include "guest/linux/golden/kernel_reference.h"
#include "guest/linux/golden/module_reference.h"
#include "guest/linux/golden/not_compared.h"
#include "guest/linux/text/kernel_text.h"

#include <algorithm>
#include <cstring>

namespace ringside::guest::linux {

namespace {

/// What is read and compared at once.
constexpr std::size_t kPiece = std::size_t{1} << 20;
/// Runs that are closer than this are one.
constexpr std::size_t kGap = 8;
/// Largest section of a module that is looked at.
constexpr std::size_t kMaxSection = std::size_t{64} << 20;

/// The end of the run of differences that starts at `first`.
std::size_t run_end(ByteView actual, ByteView expected, std::size_t first) {
  const std::size_t most = std::min(actual.size(), first + RodataChange::kMaxRun);
  std::size_t end = first + 1;
  for (std::size_t i = end; i < most && i - end < kGap; ++i)
    if (actual[i] != expected[i]) end = i + 1;
  return end;
}

class Comparison {
 public:
  Comparison(Kernel& kernel, const RodataVisit& visit) : kernel_(kernel), visit_(visit) {}

  /// Compares `range` of `reference`. False: no more is wanted.
  bool compare(const TextReference& reference, const Range& range, const std::string& section,
               std::string_view whose) {
    for (Gva at = range.first; at < range.end && going_; at = at + actual_.size()) {
      actual_.resize(std::min<std::uint64_t>(kPiece, range.end - at));
      const auto expected = reference.bytes(at, actual_.size());
      if (!expected) {
        problems.push_back(expected.error().within(whose));
        return going_;
      }
      const auto holes = read_in_bulk(kernel_, at, actual_);
      if (!holes.empty())
        problems.push_back({Errc::unavailable, std::string(whose) + " at " + to_string(holes.front().first) +
                                                   " cannot be read"});
      for (const Range& hole : holes)
        std::copy_n(expected->begin() + static_cast<std::ptrdiff_t>(hole.first - at), hole.size(),
                    actual_.begin() + static_cast<std::ptrdiff_t>(hole.first - at));
      if (std::memcmp(actual_.data(), expected->data(), actual_.size()) != 0) tell(at, *expected, section);
    }
    return going_;
  }

  std::vector<Error> problems;

 private:
  void tell(Gva at, const Bytes& expected, const std::string& section) {
    for (std::size_t i = 0; i < actual_.size() && going_;) {
      if (actual_[i] == expected[i]) {
        ++i;
        continue;
      }
      const std::size_t end = run_end(actual_, expected, i);
      const auto cut = [&](const Bytes& of) {
        return Bytes(of.begin() + static_cast<std::ptrdiff_t>(i),
                     of.begin() + static_cast<std::ptrdiff_t>(end));
      };
      going_ = visit_({at + i, section, cut(expected), cut(actual_)});
      i = end;
    }
  }

  Kernel& kernel_;
  const RodataVisit& visit_;
  Bytes actual_;
  bool going_ = true;
};

}  // namespace

Result<std::vector<Error>> kernel_rodata_changes(Kernel& kernel, const RodataVisit& visit) {
  RINGSIDE_TRY(const auto reference, golden_reference(kernel));
  Comparison comparison(kernel, visit);
  if (reference->problem()) comparison.problems.push_back(*reference->problem());
  for (const Range& range : reference->rodata())
    if (!comparison.compare(*reference, range, {}, "read-only data of the kernel")) break;
  return std::move(comparison.problems);
}

std::vector<Error> module_rodata_changes(Kernel& kernel, const RodataVisit& visit) {
  Comparison comparison(kernel, visit);
  auto modules = linux::modules(kernel, ModuleParts::texts | ModuleParts::build_id | ModuleParts::layout);
  std::map<std::string, std::optional<Error>> missing;
  bool going = true;
  for (const Module& module : modules.entries) {
    if (module.state != ModuleState::live || !going) continue;
    const auto reference = GoldenModules::of(kernel).reference(module);
    if (!reference) {
      missing.emplace(module.name, reference.error());
      continue;
    }
    for (const auto& part : (*reference)->parts())
      if (part.compared && !part.code && part.bytes.size() <= kMaxSection && going)
        going = comparison.compare(**reference, {Gva{part.first}, Gva{part.end()}}, part.section,
                                   "read-only data of module " + module.name);
  }
  for (Error& error : not_compared("read-only data was not compared", missing))
    comparison.problems.push_back(std::move(error));
  for (Error& error : modules.problems) comparison.problems.push_back(std::move(error));
  return std::move(comparison.problems);
}

}  // namespace ringside::guest::linux
