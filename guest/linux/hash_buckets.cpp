// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hash_buckets.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kChunkBytes = 16 * kPageSize;
constexpr std::uint32_t kMaxStride = 4096;

enum class Went { on, stop };

Result<Went> walk_chain(Kernel& kernel, Gva node, std::uint64_t& left, const Visit& visit) {
  Gva landmark{0};  // moves on at each power of two: a loop comes back to it
  for (std::uint64_t steps = 1; node.value != 0 && (node.value & 1) == 0; ++steps) {
    if (node == landmark) return fail(Errc::malformed, "the chain at " + to_string(node) + " is a loop");
    if ((steps & (steps - 1)) == 0) landmark = node;
    if (left == 0) return fail(Errc::out_of_bounds, "more entries than can be");
    --left;
    // Read before visiting: what hangs in the list but cannot be read is no object.
    RINGSIDE_TRY(const Gva next, kernel.read_pointer(node));
    if (!visit(node)) return Went::stop;
    node = next;
  }
  return Went::on;
}

}  // namespace

void walk_buckets(Kernel& kernel, const HashBuckets& buckets, std::uint64_t max, const Visit& visit,
                  const std::function<void(Error)>& problem) {
  const std::uint32_t word = kernel.pointer_size();
  if (buckets.count > kMaxBuckets || buckets.stride > kMaxStride || buckets.stride < word ||
      buckets.head > buckets.stride - word) {
    problem({Errc::out_of_bounds, "the table claims " + std::to_string(buckets.count) + " buckets of " +
                                      std::to_string(buckets.stride) + " bytes"});
    return;
  }
  std::uint64_t left = max;
  Bytes chunk;
  const std::uint64_t per_chunk = std::max<std::uint64_t>(1, kChunkBytes / buckets.stride);
  for (std::uint64_t at = 0; at < buckets.count; at += per_chunk) {
    const std::uint64_t here = std::min(per_chunk, buckets.count - at);
    chunk.resize(here * buckets.stride);
    if (auto read = kernel.space().read(buckets.first + at * buckets.stride, chunk); !read) {
      problem(std::move(read).error());
      continue;
    }
    for (std::uint64_t i = 0; i < here; ++i) {
      const std::size_t place = i * buckets.stride + buckets.head;
      Gva node{word == 8 ? *load_le<std::uint64_t>(chunk, place) : *load_le<std::uint32_t>(chunk, place)};
      if (buckets.locked_heads) node.value &= ~std::uint64_t{1};
      const auto went = walk_chain(kernel, node, left, visit);
      if (!went) problem(went.error());
      if ((went && *went == Went::stop) || left == 0) return;
    }
  }
}

}  // namespace ringside::guest::linux
