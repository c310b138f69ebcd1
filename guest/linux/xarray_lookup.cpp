// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/xarray_lookup.h"

namespace ringside::guest::linux {

namespace {

// include/linux/xarray.h: bits 0 and 1 being 10 say that an entry is internal: a sibling below 64, a node
// above 4096, else a mark for retries.
constexpr std::uint64_t kChunkBits = 6, kChunk = 1u << kChunkBits;
bool is_internal(std::uint64_t entry) {
  return (entry & 3) == 2;
}
bool is_node(std::uint64_t entry) {
  return is_internal(entry) && entry > 4096;
}
bool is_sibling(std::uint64_t entry) {
  return is_internal(entry) && (entry >> 2) < kChunk - 1;
}

}  // namespace

XarrayLookup::XarrayLookup(Kernel& kernel)
    : kernel_(kernel),
      head_(kernel.field("xarray", "xa_head")),
      shift_(kernel.field("xa_node", "shift")),
      slots_(kernel.field("xa_node", "slots")) {}

Result<Gva> XarrayLookup::find(Gva xarray, std::uint64_t index) {
  for (const auto* field : {&head_, &shift_, &slots_})
    if (!*field) return fail(field->error());
  if (slots_->count != kChunk)
    return fail(Errc::unsupported, "an xarray with nodes of " + std::to_string(slots_->count) + " slots");
  RINGSIDE_TRY(Gva entry, kernel_.read_pointer_field(xarray, *head_));
  if (!is_node(entry.value)) return index == 0 && !is_internal(entry.value) ? entry : Gva{0};
  // The shift falls with every level: that bounds the walk.
  std::uint64_t above = 64;
  bool top = true;
  while (is_node(entry.value)) {
    const Gva node = Gva{entry.value - 2};
    RINGSIDE_TRY(const std::uint64_t shift, kernel_.read_field(node, *shift_));
    if (shift >= above || shift % kChunkBits != 0)
      return fail(Errc::malformed, "xarray node at " + to_string(node) + ": shift " + std::to_string(shift));
    if (top && shift + kChunkBits < 64 && (index >> (shift + kChunkBits)) != 0) return Gva{0};
    top = false;
    above = shift;
    const auto slot = [&](std::uint64_t number) {
      return kernel_.read_pointer(node + slots_->offset + number * kernel_.pointer_size());
    };
    RINGSIDE_TRY(entry, slot((index >> shift) & (kChunk - 1)));
    if (is_sibling(entry.value)) {
      RINGSIDE_TRY(entry, slot(entry.value >> 2));
    }
    if (shift == 0) break;
  }
  return is_internal(entry.value) ? Gva{0} : entry;
}

}  // namespace ringside::guest::linux
