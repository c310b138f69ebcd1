// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/kernel_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::guest::linux {

std::vector<Range> read_in_bulk(Kernel& kernel, Gva first, std::span<std::byte> into) {
  struct Run {
    std::size_t offset = 0, size = 0;
    Gpa gpa;
  };
  std::vector<Run> runs;
  std::vector<Range> holes;
  std::vector<Gpa> pages;
  const auto hole = [&](Gva gva, std::size_t size) {
    if (!holes.empty() && holes.back().end == gva)
      holes.back().end = gva + size;
    else
      holes.push_back({gva, gva + size});
  };
  const x86::PageTables& tables = kernel.space().tables();
  for (std::size_t offset = 0; offset < into.size();) {
    const Gva gva = first + offset;
    const auto found = tables.translate(gva);
    const std::uint64_t page = found ? std::max(found->page_size, kPageSize) : kPageSize;
    const std::size_t size = std::min<std::uint64_t>(into.size() - offset, page - (gva.value & (page - 1)));
    if (found)
      runs.push_back({offset, size, found->gpa});
    else
      hole(gva, size);
    offset += size;
  }
  for (const Run& run : runs)
    for (Gpa page = page_of(run.gpa); page < run.gpa + run.size; page = page + kPageSize)
      pages.push_back(page);
  kernel.snapshot().prefetch(pages);
  for (const Run& run : runs) {
    for (std::size_t done = 0; done < run.size;) {
      const Gpa gpa = run.gpa + done;
      const std::size_t size = std::min<std::uint64_t>(run.size - done, kPageSize - (gpa - page_of(gpa)));
      if (!kernel.snapshot().read(gpa, into.subspan(run.offset + done, size)))
        hole(first + (run.offset + done), size);
      done += size;
    }
  }
  std::sort(holes.begin(), holes.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  for (const Range& range : holes)
    std::fill_n(into.begin() + static_cast<std::ptrdiff_t>(range.first - first), range.size(), std::byte{0});
  return holes;
}

KernelText& KernelText::of(Kernel& kernel) {
  return kernel.memo<KernelText>([&] { return KernelText(kernel); });
}

KernelText::KernelText(Kernel& kernel) {
  const KernelIdentity& identity = kernel.identity();
  // Start-up code stands before _stext in some kernels, and is mapped with the rest.
  Range image = identity.text;
  if (identity.image.first < image.first && image.first - identity.image.first < kMaxModuleText)
    image.first = identity.image.first;
  if (image.end <= image.first || image.size() > kMaxImage)
    listing_.problem({Errc::out_of_bounds, fmt::format("the kernel's text would reach from {} to {}",
                                                       to_string(image.first), to_string(image.end))});
  else
    add(kernel, {image, {}, {}, {}, {}});
  if (regions_.empty()) regions_.emplace_back();  // number kImage is the image's in any case

  auto modules = linux::modules(kernel, ModuleParts::layout);
  for (Error& error : modules.problems) listing_.problem(std::move(error));
  for (const Module& module : modules.entries) {
    if (module.state != ModuleState::live) continue;
    const ModuleRegion* text = module.region(ModuleRegionKind::text);
    if (text == nullptr) continue;  // one that offers data only
    if (text->size > kMaxModuleText || bytes_ + text->size > kMaxAll)
      listing_.problem({Errc::out_of_bounds,
                        fmt::format("module {} would have {} bytes of code", module.name, text->size)});
    else
      add(kernel, {{text->base, text->base + text->size}, module.name, module.address, {}, {}});
  }
  by_address_.resize(regions_.size());
  for (std::uint32_t i = 0; i < by_address_.size(); ++i) by_address_[i] = i;
  std::stable_sort(by_address_.begin(), by_address_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return regions_[a].range.first < regions_[b].range.first;
  });
}

void KernelText::add(Kernel& kernel, TextRegion region) {
  region.bytes.resize(region.range.size());
  region.holes = read_in_bulk(kernel, region.range.first, region.bytes);
  bytes_ += region.bytes.size();
  if (!region.holes.empty())
    listing_.problem(
        {Errc::unavailable, fmt::format("code of {} at {} cannot be read",
                                        region.module.empty() ? "the kernel" : "module " + region.module,
                                        to_string(region.holes.front().first))});
  regions_.push_back(std::move(region));
}

std::optional<std::uint32_t> KernelText::region_of(Gva gva) const {
  const auto after =
      std::upper_bound(by_address_.begin(), by_address_.end(), gva,
                       [&](Gva value, std::uint32_t region) { return value < regions_[region].range.first; });
  if (after == by_address_.begin()) return std::nullopt;
  const std::uint32_t found = *std::prev(after);
  return regions_[found].range.contains(gva) ? std::optional(found) : std::nullopt;
}

ByteView KernelText::bytes(Gva gva, std::size_t size) const {
  const auto number = region_of(gva);
  if (!number) return {};
  const TextRegion& region = regions_[*number];
  std::uint64_t end = std::min<std::uint64_t>(region.range.end - gva, size);
  for (const Range& hole : region.holes) {
    if (hole.end <= gva) continue;
    if (hole.contains(gva)) return {};
    end = std::min<std::uint64_t>(end, hole.first - gva);
    break;
  }
  return ByteView(region.bytes).subspan(gva - region.range.first, end);
}

}  // namespace ringside::guest::linux
