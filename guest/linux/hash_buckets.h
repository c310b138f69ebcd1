// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/walkers.h"

#include <cstdint>
#include <functional>

namespace ringside::guest::linux {

/// The buckets of a hash table: structs that stand one after the other, with the head of a chain in each.
struct HashBuckets {
  Gva first;                 ///< the first bucket
  std::uint64_t count = 0;   ///< buckets
  std::uint32_t stride = 8;  ///< bytes from one to the next
  std::uint32_t head = 0;    ///< offset of the chain's head in its bucket
  /// Bit 0 of a head is a lock (lib/rhashtable.c), not the mark of an empty chain (hlist_nulls).
  bool locked_heads = false;
};

/// Most buckets of a table; the largest that kernels make by themselves have half of that.
inline constexpr std::uint64_t kMaxBuckets = 1u << 20;

/// Visits each node of each chain. Nodes are struct hlist_node, hlist_nulls_node or rhash_head: a pointer to
/// the next comes first, and a chain ends with NULL or with bit 0 set. `max`: nodes in all. What is torn,
/// loops or cannot be read ends its chain, and `problem` is told. `visit` returns false to stop.
void walk_buckets(Kernel& kernel, const HashBuckets& buckets, std::uint64_t max, const Visit& visit,
                  const std::function<void(Error)>& problem);

}  // namespace ringside::guest::linux
