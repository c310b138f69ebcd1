// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/memory_sizes.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

// More than any machine has, and so few that sums do not overflow.
constexpr std::int64_t kMaxPages = std::int64_t{1} << 40;

}  // namespace

// mm_struct.rss_stat is a struct of plain counters up to 6.1 and an array of per-CPU counters from 6.2 on
// (lib/percpu_counter.c: the sum is `count` and every CPU's own part).
MemorySizesReader::MemorySizesReader(Kernel& kernel)
    : kernel_(kernel), mm_(kernel, "mm_struct"), total_(mm_.add("total_vm")) {
  constexpr std::array<std::string_view, 3> kKinds = {"MM_FILEPAGES", "MM_ANONPAGES", "MM_SHMEMPAGES"};
  const auto types = kernel.types();
  const bool per_cpu = types && (*types)->has("mm_struct", "rss_stat[0].counters");
  for (std::size_t i = 0; i < kKinds.size() && types; ++i) {
    const auto index = (*types)->enumerator("", kKinds[i]);
    if (!index) {
      missing_.push_back(index.error());
      continue;
    }
    const std::string at = "[" + std::to_string(*index) + "]";
    if (per_cpu) {
      resident_[i].count = mm_.add("rss_stat" + at + ".count");
      resident_[i].per_cpu = mm_.add("rss_stat" + at + ".counters");
    } else {
      resident_[i].count = mm_.add("rss_stat.count" + at + ".counter");
    }
  }
  if (per_cpu) {
    auto offsets = kernel.per_cpu_offsets();
    if (offsets)
      per_cpu_offsets_ = std::move(*offsets);
    else
      missing_.push_back(std::move(offsets).error());
  }
  missing_.insert(missing_.end(), mm_.missing().begin(), mm_.missing().end());
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
