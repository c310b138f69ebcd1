// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/bpf_code.h"

#include <algorithm>
#include <utility>

namespace ringside::guest::linux {

namespace {

/// int3, which the kernel fills executable memory with (arch/x86/net/bpf_jit_comp.c, jit_fill_hole), or 0 in
/// a pack that was made for a dispatcher (kernel/bpf/dispatcher.c, bpf_jit_fill_hole_with_zero).
constexpr bool is_filler(std::byte byte) {
  return byte == std::byte{0xcc} || byte == std::byte{0};
}

/// The first byte of [from, to) that is no filler; nullopt: all are.
std::optional<std::uint64_t> not_filler(ByteView bytes, std::uint64_t from, std::uint64_t to) {
  const auto end = bytes.begin() + static_cast<std::ptrdiff_t>(to);
  const auto found = std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(from), end,
                                  [](std::byte byte) { return !is_filler(byte); });
  if (found == end) return std::nullopt;
  return static_cast<std::uint64_t>(found - bytes.begin());
}

/// struct bpf_binary_header begins with the size of the whole (include/linux/filter.h). It is written as soon
/// as there is room for a program (kernel/bpf/core.c, bpf_jit_binary_pack_alloc).
constexpr std::uint64_t kHeaderSize = 4;

/// True if room for a program that is not there yet, or no longer, is at offsets [from, to).
bool holds_nothing_yet(ByteView bytes, std::uint64_t from, std::uint64_t to) {
  const std::uint32_t size = load_le<std::uint32_t>(bytes, from).value_or(0);
  constexpr std::uint32_t kWiped = 0xcccccccc;
  return (size == kWiped || size <= to - from) && !not_filler(bytes, from + kHeaderSize, to);
}

}  // namespace

std::optional<PackFault> wrong_in_pack(const BpfPack& pack, ByteView bytes,
                                       const std::vector<BpfExtent>& extents) {
  constexpr std::uint64_t kChunk = BpfPack::kChunk;
  const std::uint64_t size =
      std::min<std::uint64_t>({pack.size, bytes.size(), pack.bitmap.size() * 64 * kChunk});
  using Span = std::pair<std::uint64_t, std::uint64_t>;  // offsets: first, end
  const auto add = [&](std::vector<Span>& spans, Gva first, std::uint64_t length) {
    const std::uint64_t offset = first - pack.first;
    if (length != 0 && offset < size) spans.emplace_back(offset, offset + std::min(length, size - offset));
  };
  // Chunks that are somebody's, and bytes that may be anything; the rest must be filler.
  std::vector<Span> known, parts;
  for (const BpfExtent& extent : extents) {
    if (!pack.contains(extent.first)) continue;
    add(known, extent.first, extent.size);
    for (const BpfExtent::Part& part : extent.parts) add(parts, part.first, part.size);
  }
  std::sort(known.begin(), known.end());
  std::sort(parts.begin(), parts.end());

  std::size_t next = 0;
  std::uint64_t reach = 0;
  for (std::uint64_t chunk = 0; chunk < size / kChunk; ++chunk) {
    for (; next < known.size() && known[next].first <= chunk * kChunk; ++next)
      reach = std::max(reach, known[next].second);
    if (!pack.used(chunk) || chunk * kChunk < reach) continue;
    // Room is given away before a program is compiled into it, and taken back after it was wiped: nothing
    // stands there then but the size in its header.
    std::uint64_t end = chunk;
    const std::uint64_t next_known = next < known.size() ? known[next].first / kChunk : size / kChunk;
    while (end < next_known && pack.used(end)) ++end;
    if (!holds_nothing_yet(bytes, chunk * kChunk, end * kChunk))
      return PackFault{pack.first + chunk * kChunk, "the chunk at " + to_string(pack.first + chunk * kChunk) +
                                                        " is given away, but belongs to no program"};
    parts.emplace_back(chunk * kChunk, chunk * kChunk + kHeaderSize);
    reach = end * kChunk;
  }
  std::sort(parts.begin(), parts.end());
  std::uint64_t done = 0;
  parts.emplace_back(size, size);
  for (const auto& [first, end] : parts) {
    if (first > done)
      if (const auto wrong = not_filler(bytes, done, first))
        return PackFault{pack.first + *wrong, "code at " + to_string(pack.first + *wrong) +
                                                  ", where nothing but filler should be"};
    done = std::max(done, end);
  }
  return std::nullopt;
}

}  // namespace ringside::guest::linux
