// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/ftrace_hashes.h"

#include "guest/linux/hash_buckets.h"

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxSizeBits = 12;  // FTRACE_HASH_MAX_BITS, kernel/trace/ftrace.c

}  // namespace

FtraceHashes::FtraceHashes(Kernel& kernel)
    : kernel_(kernel),
      hash_(kernel, "ftrace_hash"),
      entry_(kernel, "ftrace_func_entry"),
      size_bits_(hash_.add("size_bits")),
      buckets_(hash_.add("buckets")),
      count_(hash_.add("count")),
      ip_(entry_.add("ip")),
      direct_(entry_.add("direct", ObjectReader::Presence::optional)),
      node_(kernel.offset("ftrace_func_entry", "hlist")) {}

Result<std::uint64_t> FtraceHashes::count(Gva hash) {
  if (hash.value == 0) return 0;
  if (!hash_.missing().empty()) return fail(hash_.missing().front());
  RINGSIDE_CHECK(hash_.read(hash));
  return hash_.integer(count_).value_or(0);
}

void FtraceHashes::walk(Gva hash, std::uint64_t& left, const std::function<void(Gva, Gva)>& visit,
                        const std::function<void(Error)>& problem) {
  if (hash.value == 0) return;
  for (const auto* missing : {&hash_.missing(), &entry_.missing()})
    if (!missing->empty()) return problem(missing->front());
  if (!node_) return problem(node_.error());
  if (auto read = hash_.read(hash); !read) return problem(std::move(read).error());
  if (hash_.integer(count_).value_or(0) == 0) return;
  const std::uint64_t bits = hash_.integer(size_bits_).value_or(0);
  if (bits > kMaxSizeBits)
    return problem({Errc::out_of_bounds,
                    "the hash at " + to_string(hash) + " claims 2^" + std::to_string(bits) + " chains"});
  const HashBuckets buckets{hash_.pointer(buckets_).value_or(Gva{0}), std::uint64_t{1} << bits,
                            kernel_.pointer_size(), 0, false};
  walk_buckets(
      kernel_, buckets, left,
      [&](Gva node) {
        --left;
        if (auto read = entry_.read(Gva{node - Gva{*node_}}); !read)
          problem(std::move(read).error());
        else
          visit(entry_.pointer(ip_).value_or(Gva{0}), entry_.pointer(direct_).value_or(Gva{0}));
        return true;
      },
      problem);
}

}  // namespace ringside::guest::linux
