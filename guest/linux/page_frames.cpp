// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/page_frames.h"

namespace ringside::guest::linux {

namespace {

Result<std::int64_t> page_flag(Kernel& kernel, std::string_view name) {
  RINGSIDE_TRY(const Types* types, kernel.types());
  return types->enumerator("pageflags", name);
}

Result<std::uint64_t> size_of_page(Kernel& kernel) {
  RINGSIDE_TRY(const Types* types, kernel.types());
  RINGSIDE_TRY(const std::uint64_t size, types->size_of("page"));
  constexpr std::uint64_t kSmallest = 32, kLargest = 256;
  if (size < kSmallest || size > kLargest)
    return fail(Errc::out_of_bounds, "a struct page of " + std::to_string(size) + " bytes");
  return size;
}

Result<Gva> page_map(Kernel& kernel) {
  if (kernel.identity().bits == 32) {
    auto flat = kernel.symbol("mem_map");
    if (!flat)
      return fail(Errc::unavailable, "where the page structures of this kernel stand: it has no mem_map");
    return kernel.read_pointer(*flat);
  }
  if (const auto base = kernel.find_symbol("vmemmap_base")) return kernel.read_pointer(*base);
  // Without CONFIG_DYNAMIC_MEMORY_LAYOUT: Documentation/arch/x86/x86_64/mm.rst
  return kernel.identity().root.mode == x86::PagingMode::five_level ? Gva{0xffd4000000000000}
                                                                    : Gva{0xffffea0000000000};
}

}  // namespace

PageFrames& PageFrames::of(Kernel& kernel) {
  return kernel.memo<PageFrames>([&] { return PageFrames(kernel); });
}

PageFrames::PageFrames(Kernel& kernel)
    : kernel_(kernel),
      map_(page_map(kernel)),
      size_(size_of_page(kernel)),
      flags_(kernel.field("page", "flags")),
      index_(kernel.field("folio", "index")),
      head_(page_flag(kernel, "PG_head")),
      dirty_(page_flag(kernel, "PG_dirty")),
      up_to_date_(page_flag(kernel, "PG_uptodate")) {
  if (!index_) index_ = kernel.field("page", "index");
  // folio_order(), include/linux/mm.h: a byte of its own in the second page, from 6.6 on the low byte of that
  // page's flags.
  if (const auto field = kernel.field("folio", "_folio_order")) {
    order_ = *field;
  } else if (const auto old = kernel.field("page", "compound_order"); old && size_) {
    order_ = *old;
    order_->offset += static_cast<std::uint32_t>(*size_);
  } else if (const auto flags = kernel.field("folio", "_flags_1")) {
    order_ = *flags;
    order_->size = 1;
  }
}

Result<Gpa> PageFrames::address(Gva page) const {
  if (!map_) return fail(map_.error());
  if (!size_) return fail(size_.error());
  const std::uint64_t offset = page - *map_;
  // MAXPHYADDR is at most 52 bits.
  constexpr std::uint64_t kMaxFrames = std::uint64_t{1} << 40;
  if (page < *map_ || offset % *size_ != 0 || offset / *size_ >= kMaxFrames)
    return fail(Errc::malformed, "page structure at " + to_string(page) + " is none: they stand from " +
                                     to_string(*map_) + " on, " + std::to_string(*size_) + " bytes each");
  return Gpa{offset / *size_ * kPageSize};
}

Result<std::uint64_t> PageFrames::order(Gva page) const {
  if (!order_)
    return fail(Errc::unavailable, "the size of a folio: this kernel's layouts do not tell where it stands");
  RINGSIDE_TRY(const std::uint64_t order, kernel_.read_field(page, *order_));
  if (order > kMaxOrder)
    return fail(Errc::out_of_bounds, "page structure at " + to_string(page) + ": a folio of 2^" +
                                         std::to_string(order) + " pages");
  return order;
}

Result<CachedPage> PageFrames::folio(Gva page) const {
  if (!flags_) return fail(flags_.error());
  if (!index_) return fail(index_.error());
  for (const auto* bit : {&head_, &dirty_, &up_to_date_})
    if (!*bit) return fail(bit->error());
  CachedPage found;
  found.page = page;
  RINGSIDE_TRY(found.gpa, address(page));
  RINGSIDE_TRY(const std::uint64_t flags, kernel_.read_field(page, *flags_));
  RINGSIDE_TRY(found.index, kernel_.read_field(page, *index_));
  const auto set = [&](std::int64_t bit) { return bit >= 0 && bit < 64 && ((flags >> bit) & 1) != 0; };
  found.dirty = set(*dirty_);
  found.up_to_date = set(*up_to_date_);
  if (set(*head_)) {
    RINGSIDE_TRY(const std::uint64_t exponent, order(page));
    found.count = std::uint64_t{1} << exponent;
  }
  return found;
}

CachedPage PageFrames::part(const CachedPage& folio, std::uint64_t index) const {
  const std::uint64_t skipped = index - folio.index;
  CachedPage rest = folio;
  rest.index = index;
  rest.count = folio.count - skipped;
  rest.gpa = folio.gpa + skipped * kPageSize;
  rest.page = folio.page + skipped * size_.value_or(0);
  return rest;
}

Result<Gpa> page_address(Kernel& kernel, Gva page) {
  return PageFrames::of(kernel).address(page);
}

}  // namespace ringside::guest::linux
