// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/memory_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringside::guest::linux {

namespace {

// More than any machine has, and so few that sums do not overflow.
constexpr std::int64_t kMaxPages = std::int64_t{1} << 40;

}  // namespace

// mm_struct.rss_stat is a struct of plain counters up to 6.1 and an array of per-CPU counters from 6.2 on
// (lib/percpu_counter.c: the sum is `count` and every CPU's own part).
MemorySizesReader::MemorySizesReader(Kernel& kernel)
    : kernel_(kernel), mm_(kernel, "mm_struct"), total_(mm_.add("total_vm")) {
  if (kernel.field("mm_struct", "rss_stat[0].counters")) {
    add_counters("rss_stat[{}].count", "rss_stat[{}].counters");
    auto offsets = kernel.per_cpu_offsets();
    if (offsets)
      per_cpu_offsets_ = std::move(*offsets);
    else
      missing_.push_back(std::move(offsets).error());
  } else if (const auto plain = kernel.field("mm_struct", "rss_stat.count[0].counter"); plain) {
    add_counters("rss_stat.count[{}].counter", {});
  } else {
    missing_.push_back(plain.error());
  }
  missing_.insert(missing_.end(), mm_.missing().begin(), mm_.missing().end());
}

void MemorySizesReader::add_counters(std::string_view count, std::string_view per_cpu) {
  // An enum without a name (include/linux/mm_types_task.h), the same since 4.5.
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 3> kKinds = {
      {{"MM_FILEPAGES", 0}, {"MM_ANONPAGES", 1}, {"MM_SHMEMPAGES", 3}}};
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    const auto [name, usual] = kKinds[i];
    const auto index =
        kernel_.types().and_then([&](const Types* types) { return types->enumerator("", name); });
    const auto at = index.value_or(usual);
    resident_[i].count = mm_.add(fmt::format(fmt::runtime(count), at));
    if (!per_cpu.empty()) resident_[i].per_cpu = mm_.add(fmt::format(fmt::runtime(per_cpu), at));
  }
}

Result<std::int64_t> MemorySizesReader::pages(const Counter& counter) {
  auto sum = mm_.integer(counter.count).value_or(0);
  if (const auto parts = mm_.pointer(counter.per_cpu))
    for (const std::uint64_t offset : per_cpu_offsets_) {
      RINGSIDE_TRY(const auto part, kernel_.read<std::int32_t>(*parts + offset));
      sum += static_cast<std::uint64_t>(std::int64_t{part});
    }
  return static_cast<std::int64_t>(sum);
}

Result<MemorySizes> MemorySizesReader::read(Gva mm) {
  RINGSIDE_CHECK(mm_.read(mm));
  MemorySizes sizes;
  if (const auto total = mm_.integer(total_)) sizes.total = *total * kPageSize;
  if (!missing_.empty()) return sizes;
  std::int64_t resident = 0;
  for (const Counter& counter : resident_) {
    RINGSIDE_TRY(const auto some, pages(counter));
    // Each is shown as no less than zero (include/linux/mm.h get_mm_counter).
    resident += std::clamp<std::int64_t>(some, 0, kMaxPages);
  }
  sizes.resident = static_cast<std::uint64_t>(resident) * kPageSize;
  return sizes;
}

}  // namespace ringside::guest::linux
