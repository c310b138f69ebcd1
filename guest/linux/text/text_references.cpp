// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/text_references.h"

#include "guest/linux/golden/golden_store.h"
#include "guest/linux/golden/golden_text.h"
#include "guest/linux/golden/not_compared.h"

#include <algorithm>
#include <map>

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
  std::vector<std::shared_ptr<const TextReferenceSource>> sources;
  if (kernel.snapshot().kept<GoldenStore>() != nullptr) sources.push_back(golden_text());
  if (const auto* kept = kernel.snapshot().kept<TextReferenceSources>())
    sources.insert(sources.end(), kept->sources.begin(), kept->sources.end());
  return {kernel, sources};
}

TextReferences::TextReferences(Kernel& kernel,
                               const std::vector<std::shared_ptr<const TextReferenceSource>>& sources) {
  for (const auto& source : sources) {
    baseline_ = baseline_ || source->name() != kGoldenText;
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

std::optional<Error> TextReferences::missing(Gva gva) const {
  for (const auto& reference : references_)
    if (auto why = reference->missing(gva)) return why;
  return std::nullopt;
}

std::vector<Error> TextReferences::uncovered(const KernelText& text, bool of_modules) const {
  std::string beside;
  for (const std::string& reason : reasons_) beside += "; " + reason;
  if (!baseline_) beside += "; there is no baseline (ringside baseline save)";
  std::map<std::string, std::optional<Error>> uncovered;  // by module
  for (const TextCoverage& one : coverage_)
    if ((one.region != KernelText::kImage) == of_modules && !one.reference)
      uncovered.emplace(text.regions()[one.region].module, missing(one.range.first));
  return not_compared("only patch sites were checked", uncovered, beside);
}

}  // namespace ringside::guest::linux
