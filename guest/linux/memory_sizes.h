// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// How much memory an address space takes, in bytes. nullopt: this kernel's layout does not tell.
struct MemorySizes {
  std::optional<std::uint64_t> total;     ///< all that is mapped: VmSize
  std::optional<std::uint64_t> resident;  ///< of files, anonymous and shared: VmRSS, exact
};

/// Reads them from struct mm_struct (include/linux/mm_types.h).
class MemorySizesReader {
 public:
  explicit MemorySizesReader(Kernel& kernel);

  const std::vector<Error>& missing() const { return missing_; }
  Result<MemorySizes> read(Gva mm);

 private:
  using Member = ObjectReader::Member;
  /// One counter of pages, and the per-CPU parts that are not added to it yet.
  struct Counter {
    Member count = ObjectReader::kNone, per_cpu = ObjectReader::kNone;
  };
  /// Chooses the counters of resident pages by paths in which {} stands for the kind.
  void add_counters(std::string_view count, std::string_view per_cpu);
  Result<std::int64_t> pages(const Counter& counter);

  Kernel& kernel_;
  ObjectReader mm_;
  Member total_;
  std::array<Counter, 3> resident_;
  std::vector<std::uint64_t> per_cpu_offsets_;
  std::vector<Error> missing_;
};

}  // namespace ringside::guest::linux
