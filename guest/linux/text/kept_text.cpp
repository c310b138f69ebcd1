// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/kept_text.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/text/patch_sites.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::string_view kSource = "first-seen";
constexpr std::size_t kMaxVersion = 64;

class FirstSeen final : public TextReference {
 public:
  FirstSeen(std::shared_ptr<const KeptText> kept, std::vector<const KeptRegion*> regions)
      : kept_(std::move(kept)), regions_(std::move(regions)) {
    std::sort(regions_.begin(), regions_.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    // Of regions that overlap, which no sound baseline has, the first is taken.
    for (std::size_t i = 1; i < regions_.size();)
      if (regions_[i]->first - regions_[i - 1]->first < regions_[i - 1]->bytes.size())
        regions_.erase(regions_.begin() + static_cast<std::ptrdiff_t>(i));
      else
        ++i;
  }

  std::string_view source() const override { return kSource; }
  std::vector<Range> ranges() const override {
    std::vector<Range> all;
    for (const auto* region : regions_) all.push_back({region->first, region->first + region->bytes.size()});
    return all;
  }
  Result<Bytes> bytes(Gva first, std::size_t size) const override {
    for (const auto* region : regions_) {
      const std::uint64_t offset = first - region->first;
      if (offset > region->bytes.size() || region->bytes.size() - offset < size) continue;
      const ByteView part = ByteView(region->bytes).subspan(offset, size);
      return Bytes(part.begin(), part.end());
    }
    return fail(Errc::out_of_bounds, "the baseline does not hold code at " + to_string(first));
  }
  std::unique_ptr<TextExplainer> explainer(Gva, ByteView, ByteView) const override { return nullptr; }

 private:
  std::shared_ptr<const KeptText> kept_;
  std::vector<const KeptRegion*> regions_;
};

class FirstSeenSource final : public TextReferenceSource {
 public:
  explicit FirstSeenSource(std::shared_ptr<const KeptText> kept) : kept_(std::move(kept)) {}

  std::string_view name() const override { return kSource; }
  Result<std::shared_ptr<const TextReference>> reference(Kernel& kernel) const override {
    const auto& now = KernelText::of(kernel).regions();
    const std::string& build = kernel.identity().build_id;
    std::vector<const KeptRegion*> same;
    for (const KeptRegion& kept : kept_->regions) {
      if (kept.module.empty()) {
        if (kept.identity != build)
          return fail(Errc::mismatch, "the baseline is of another kernel (build id " + kept.identity + ")");
        if (kept.first != now[KernelText::kImage].range.first)
          return fail(Errc::mismatch,
                      "the guest has booted since the baseline was taken, and its kernel stands "
                      "elsewhere now");
        same.push_back(&kept);
        continue;
      }
      const auto found = std::find_if(now.begin(), now.end(), [&](const TextRegion& region) {
        return region.module == kept.module && region.range.first == kept.first &&
               region.range.size() == kept.bytes.size();
      });
      if (found == now.end()) continue;
      const auto instance = module_instance(kernel, found->object);
      if (instance && *instance == kept.identity) same.push_back(&kept);
    }
    if (same.empty()) return fail(Errc::unavailable, "the baseline holds no code of this kernel");
    return std::make_shared<FirstSeen>(kept_, std::move(same));
  }

 private:
  std::shared_ptr<const KeptText> kept_;
};

/// What the kernel put over code and took the original of away stands in probes; the rest is in sites that
/// are there for good, whose bytes nobody compares.
void take_out_probes(const PatchSites& sites, std::uint32_t region, Gva first, Bytes& bytes) {
  for (const PatchSite& site : sites.all()) {
    const std::uint64_t at = site.first - first;
    if (site.region != region || site.original.size == 0 || at + site.original.size > bytes.size()) continue;
    // As much of it as is covered now: a breakpoint covers one byte, a jump five.
    const CodeBytes* held = site.match(ByteView(bytes).subspan(at));
    const std::size_t size = std::min<std::size_t>(held == nullptr ? 0 : held->size, site.original.size);
    std::copy_n(site.original.bytes.begin(), size, bytes.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace

Result<std::string> module_instance(Kernel& kernel, Gva module) {
  ObjectReader reader(kernel, "module"), node(kernel, "kernfs_node");
  const auto version = reader.add("srcversion"), entry = reader.add("mkobj.kobj.sd"), number = node.add("id");
  for (const auto* missing : {&reader.missing(), &node.missing()})
    if (!missing->empty()) return fail(missing->front());
  RINGSIDE_CHECK(reader.read(module));
  std::string text;
  if (const Gva at = reader.pointer(version).value_or(Gva{0}); at != Gva{0}) {
    RINGSIDE_TRY(text, kernel.read_string(at, kMaxVersion));
  }
  const Gva at = reader.pointer(entry).value_or(Gva{0});
  if (at == Gva{0}) return fail(Errc::unavailable, "the module has no node in sysfs");
  RINGSIDE_CHECK(node.read(at));
  return fmt::format("{} {}", text, node.integer(number).value_or(0));
}

Result<KeptText> keep_text(Kernel& kernel) {
  if (const auto booted = kernel.booted(); booted && !*booted)
    return fail(Errc::unavailable, "the kernel is still booting");
  const KernelText& text = KernelText::of(kernel);
  const PatchSites& sites = PatchSites::of(kernel);
  KeptText kept;
  const auto incomplete = [&](Error error) {
    if (kept.incomplete.size() < Listing<int>::kMaxProblems) kept.incomplete.push_back(std::move(error));
  };
  const auto node = kernel.field("kernfs_node", "id");
  if (!node) incomplete(node.error().within("code of modules"));
  for (std::uint32_t i = 0; i < text.regions().size(); ++i) {
    const TextRegion& region = text.regions()[i];
    if (i != KernelText::kImage && !node) break;
    KeptRegion one{region.module, kernel.identity().build_id, region.range.first, region.bytes};
    if (i == KernelText::kImage) {
      if (one.bytes.empty() || !region.holes.empty())
        return fail(Errc::unavailable, "the kernel's text cannot be read");
    } else {
      auto instance = module_instance(kernel, region.object);
      if (!instance) {
        incomplete(instance.error().within("code of module " + region.module));
        continue;
      }
      if (!region.holes.empty()) continue;  // told by text.problems()
      one.identity = std::move(*instance);
    }
    take_out_probes(sites, i, region.range.first, one.bytes);
    kept.regions.push_back(std::move(one));
  }
  for (const Error& error : text.problems()) incomplete(error);
  return kept;
}

std::shared_ptr<const TextReferenceSource> first_seen(std::shared_ptr<const KeptText> kept) {
  return std::make_shared<FirstSeenSource>(std::move(kept));
}

}  // namespace ringside::guest::linux
