// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/golden_text.h"

#include "guest/linux/golden/kernel_reference.h"
#include "guest/linux/golden/module_reference.h"
#include "guest/linux/text/kernel_text.h"

#include <algorithm>
#include <unordered_map>

namespace ringside::guest::linux {

namespace {

/// The references of the kernel and of each module in one.
class GoldenText final : public TextReference {
 public:
  explicit GoldenText(Kernel& kernel) {
    const auto& regions = KernelText::of(kernel).regions();
    std::unordered_map<std::uint64_t, const Module*> modules;
    const auto listed =
        linux::modules(kernel, ModuleParts::texts | ModuleParts::build_id | ModuleParts::layout);
    for (const Module& module : listed.entries) modules.emplace(module.address.value, &module);
    for (std::size_t i = 0; i < regions.size(); ++i) {
      const TextRegion& region = regions[i];
      if (i == KernelText::kImage) {
        add(region.range, golden_reference(kernel));
      } else if (const auto module = modules.find(region.object.value); module != modules.end()) {
        add(region.range, GoldenModules::of(kernel).reference(*module->second));
      }
    }
    std::sort(parts_.begin(), parts_.end(),
              [](const Part& a, const Part& b) { return a.range.first < b.range.first; });
  }

  std::string_view source() const override { return kGoldenText; }
  std::vector<Range> ranges() const override {
    std::vector<Range> all;
    for (const Part& part : parts_) all.push_back(part.range);
    return all;
  }
  Result<Bytes> bytes(Gva first, std::size_t size) const override {
    const TextReference* reference = at(first);
    if (reference == nullptr)
      return fail(Errc::out_of_bounds, "no vendor's code is known at " + to_string(first));
    return reference->bytes(first, size);
  }
  std::unique_ptr<TextExplainer> explainer(Gva first, ByteView expected, ByteView actual) const override {
    const TextReference* reference = at(first);
    return reference == nullptr ? nullptr : reference->explainer(first, expected, actual);
  }
  bool has_site(const PatchSite& site, ByteView expected) const override {
    const TextReference* reference = at(site.first);
    return reference == nullptr || reference->has_site(site, expected);
  }
  std::optional<Error> missing(Gva gva) const override {
    for (const auto& [range, why] : missing_)
      if (range.contains(gva)) return why;
    return std::nullopt;
  }

 private:
  struct Part {
    Range range;
    std::shared_ptr<const TextReference> reference;
  };

  /// Those of the reference's ranges that lie in `region`.
  template <class Reference>
  void add(const Range& region, const Result<std::shared_ptr<Reference>>& reference) {
    if (!reference) {
      missing_.emplace_back(region, reference.error());
      return;
    }
    for (const Range& range : (*reference)->ranges()) {
      const Range both{std::max(range.first, region.first), std::min(range.end, region.end)};
      if (both.first < both.end) parts_.push_back({both, *reference});
    }
  }
  const TextReference* at(Gva gva) const {
    const auto after = std::upper_bound(parts_.begin(), parts_.end(), gva,
                                        [](Gva value, const Part& part) { return value < part.range.first; });
    if (after == parts_.begin() || !std::prev(after)->range.contains(gva)) return nullptr;
    return std::prev(after)->reference.get();
  }

  std::vector<Part> parts_;  ///< by address
  std::vector<std::pair<Range, Error>> missing_;
};

class GoldenTextSource final : public TextReferenceSource {
 public:
  std::string_view name() const override { return kGoldenText; }
  Result<std::shared_ptr<const TextReference>> reference(Kernel& kernel) const override {
    return std::shared_ptr<const TextReference>(
        kernel.memo<std::shared_ptr<GoldenText>>([&] { return std::make_shared<GoldenText>(kernel); }));
  }
};

}  // namespace

std::shared_ptr<const TextReferenceSource> golden_text() {
  return std::make_shared<GoldenTextSource>();
}

}  // namespace ringside::guest::linux
