// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/passed_files.h"

#include "guest/linux/hash_buckets.h"

namespace ringside::guest::linux {

std::optional<std::uint64_t> files_in_flight(Kernel& kernel) {
  constexpr std::uint64_t kBuckets = 128;  // UIDHASH_BITS, kernel/user.c
  constexpr std::uint64_t kMaxUsers = 1u << 20;
  const auto table = kernel.find_symbol("uidhash_table");
  const auto link = kernel.field("user_struct", "uidhash_node"),
             count = kernel.field_of("user_struct", {"unix_inflight.counter", "unix_inflight"});
  if (!table || !link || !count) return std::nullopt;
  std::uint64_t sum = 0;
  bool whole = true;
  walk_buckets(
      kernel, {*table, kBuckets, kernel.pointer_size(), 0}, kMaxUsers,
      [&](Gva node) {
        const auto some = kernel.read_field(Gva{node - Gva{link->offset}}, *count);
        whole = whole && some;
        sum += some.value_or(0);
        return true;
      },
      [&](const Error&) { whole = false; });
  return whole ? std::optional(sum) : std::nullopt;
}

}  // namespace ringside::guest::linux
