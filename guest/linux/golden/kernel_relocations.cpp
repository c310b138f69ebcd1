// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/kernel_relocations.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

template <class T>
void add(std::byte* at, std::uint64_t value) {
  T held;
  std::memcpy(&held, at, sizeof held);
  held = static_cast<T>(held + value);
  std::memcpy(at, &held, sizeof held);
}

}  // namespace

Result<KernelRelocations> KernelRelocations::parse(ByteView tail, unsigned bits, std::uint64_t base,
                                                   std::uint64_t size) {
  using Kinds = std::array<Kind, 3>;
  KernelRelocations out;
  if (tail.empty()) return out;
  if (tail.size() > kMaxTail) return fail(Errc::oversized, "the kernel's relocations are too many");
  const std::size_t words = tail.size() / 4, odd = tail.size() % 4;
  const auto word = [&](std::size_t i) { return load_le<std::uint32_t>(tail, odd + i * 4).value_or(0); };
  std::size_t zeroes = 0;
  for (std::size_t i = 0; i < words; ++i)
    if (word(i) == 0) ++zeroes;
  // From the end backwards, as the boot code reads them.
  Kinds kinds{Kind::add32, Kind::add64, Kind::add64};
  if (zeroes == 3) kinds[1] = Kind::subtract32;
  if (words == 0 || word(0) != 0 || zeroes != (bits == 32 ? 1 : zeroes == 3 ? 3 : 2))
    return fail(Errc::malformed, "the kernel's relocations make no sense");
  std::size_t list = 0;
  for (std::size_t i = words; i-- > 0;) {
    const std::uint32_t value = word(i);
    if (value == 0) {
      ++list;
      continue;
    }
    // Sign-extended: link addresses lie in the top 2 GiB.
    const std::uint64_t address =
        bits == 64 ? static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)}) : value;
    const Kind kind = kinds[list];
    const std::uint64_t offset = address - base;
    const std::uint64_t taken = kind == Kind::add64 ? 8 : 4;
    if (address < base || size < taken || offset > size - taken || offset > 0xffffffff) continue;
    out.places_.push_back({static_cast<std::uint32_t>(offset), kind});
  }
  std::stable_sort(out.places_.begin(), out.places_.end(),
                   [](const Place& a, const Place& b) { return a.offset < b.offset; });
  return out;
}

void KernelRelocations::apply(std::span<std::byte> bytes, std::uint64_t offset, std::uint64_t slide) const {
  if (slide == 0) return;
  auto place = std::lower_bound(places_.begin(), places_.end(), offset,
                                [](const Place& one, std::uint64_t at) { return one.offset < at; });
  for (; place != places_.end(); ++place) {
    const std::uint64_t at = place->offset - offset;
    if (at >= bytes.size()) return;
    if (bytes.size() - at < place->size()) continue;
    std::byte* where = bytes.data() + at;
    if (place->kind == Kind::add64)
      add<std::uint64_t>(where, slide);
    else
      add<std::uint32_t>(where, place->kind == Kind::add32 ? slide : 0 - slide);
  }
}

}  // namespace ringside::guest::linux
