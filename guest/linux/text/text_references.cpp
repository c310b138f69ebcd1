// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/text_references.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ringside::guest::linux {

void TextReferenceSources::replace(Snapshot& snapshot,
                                   const std::shared_ptr<const TextReferenceSource>& before,
                                   const std::shared_ptr<const TextReferenceSource>& source) {
  const auto* kept = snapshot.kept<TextReferenceSources>();
  auto now = kept == nullptr ? std::make_shared<TextReferenceSources>()
                             : std::make_shared<TextReferenceSources>(*kept);
  std::erase_if(now->sources, [&](const auto& one) { return one == before || one == source; });
  if (source) now->sources.push_back(source);
  snapshot.keep(std::move(now));
}

TextReferences TextReferences::of(Kernel& kernel) {
  const auto* kept = kernel.snapshot().kept<TextReferenceSources>();
  return kept == nullptr ? TextReferences(kernel, {}) : TextReferences(kernel, kept->sources);
}

TextReferences::TextReferences(Kernel& kernel,
                               const std::vector<std::shared_ptr<const TextReferenceSource>>& sources) {
  for (const auto& source : sources) {
    auto found = source->reference(kernel);
    if (!found) {
      reasons_.push_back(found.error().message);
      continue;
    }
    ranges_.push_back((*found)->ranges());
    references_.push_back(std::move(*found));
  }
  const auto& regions = KernelText::of(kernel).regions();
  for (std::uint32_t i = 0; i < regions.size(); ++i) cover(i, regions[i].range, 0);
}

/// Gives `range` to the first reference from `reference` on that speaks of it, and what is left to the next.
void TextReferences::cover(std::uint32_t region, Range range, std::size_t reference) {
  if (range.end <= range.first) return;
  if (reference == references_.size()) {
    coverage_.push_back({range, region, nullptr});
    return;
  }
  Gva at = range.first;
  for (const Range& known : ranges_[reference]) {
    const Range both{std::max(at, known.first), std::min(range.end, known.end)};
    if (both.end <= both.first) continue;
    cover(region, {at, both.first}, reference + 1);
    coverage_.push_back({both, region, references_[reference]});
    at = both.end;
  }
  cover(region, {at, range.end}, reference + 1);
}

std::optional<Error> TextReferences::uncovered(const KernelText& text, bool of_modules) const {
  std::set<std::string> names;
  for (const TextCoverage& one : coverage_) {
    if ((one.region != KernelText::kImage) != of_modules) continue;
    if (!one.reference) names.insert(text.regions()[one.region].module);
  }
  if (names.empty()) return std::nullopt;
  std::string why;
  for (const std::string& reason : reasons_) why += "; " + reason;
  if (references_.empty() && reasons_.empty()) why = "; there is no baseline";
  if (!of_modules || references_.empty())
    return Error{Errc::unavailable, "only patch sites were checked" + why,
                 "run ringside baseline save while the guest is known to be good"};
  constexpr std::size_t kNamed = 4;
  std::string list;
  std::size_t count = 0;
  for (const std::string& name : names)
    if (count++ < kNamed) list += (list.empty() ? "" : ", ") + name;
  if (names.size() > kNamed) list += fmt::format(" and {} more", names.size() - kNamed);
  return Error{Errc::unavailable,
               fmt::format("only patch sites were checked of {}, which no reference knows{}", list, why)};
}

}  // namespace ringside::guest::linux
