// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/text_references.h"

#include "guest/linux/golden/golden_store.h"
#include "guest/linux/golden/golden_text.h"

#include <fmt/format.h>

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
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& [module, why] : uncovered) {
    std::string reason;
    if (why) reason = ": " + why->message;
    if (of_modules && why && why->code == Errc::not_found)
      reason = ": no vendor's file of that build was imported (ringside golden import)";
    by_reason[reason].push_back(module);
  }
  constexpr std::size_t kNamed = 8;
  std::vector<Error> all;
  for (const auto& [reason, names] : by_reason) {
    std::string list;
    for (std::size_t i = 0; of_modules && i < std::min(names.size(), kNamed); ++i)
      list += (i == 0 ? (names.size() == 1 ? " of module " : " of modules ") : ", ") + names[i];
    if (names.size() > kNamed) list += fmt::format(" and {} more", names.size() - kNamed);
    all.push_back({Errc::unavailable, "only patch sites were checked" + list + reason + beside});
  }
  return all;
}

}  // namespace ringside::guest::linux
