// SPDX-License-Identifier: Apache-2.0
// The xarray, which radix trees and IDRs are made of too (include/linux/xarray.h, lib/xarray.c).
#include "guest/linux/pointers.h"
#include "guest/linux/walkers.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>

namespace ringside::guest::linux {

namespace {

// Entries whose two lowest bits are 10 are internal: below 4096 siblings, XA_RETRY_ENTRY and XA_ZERO_ENTRY,
// and from there on nodes.
constexpr std::uint64_t kInternal = 2, kInternalMask = 3, kFirstNode = 4096;

bool is_internal(Gva entry) {
  return (entry.value & kInternalMask) == kInternal;
}
bool is_node(Gva entry) {
  return is_internal(entry) && entry.value > kFirstNode;
}

class XarrayWalk {
 public:
  using Visit = std::function<bool(std::uint64_t, Gva)>;

  XarrayWalk(Kernel& kernel, Gva xarray, std::uint64_t max, const Visit& visit)
      : kernel_(kernel), xarray_(xarray), max_(max), visit_(visit) {}

  Result<void> run() {
    RINGSIDE_TRY(const std::uint32_t head_offset, kernel_.offset("xarray", "xa_head"));
    RINGSIDE_TRY(const Gva head, kernel_.read_pointer(xarray_ + head_offset));
    if (head.value == 0) return {};
    if (!is_internal(head)) {  // one entry, at index 0
      if (max_ == 0)
        too_many();
      else
        visit_(0, head);
    } else if (is_node(head)) {
      RINGSIDE_CHECK(lay_out());
      node(head, 0, std::nullopt);
    }
    if (problem_) return fail(std::move(*problem_));
    return {};
  }

 private:
  static constexpr unsigned kMaxNodeSize = 4096;

  Result<void> lay_out() {
    RINGSIDE_TRY(shift_at_, kernel_.offset("xa_node", "shift"));
    RINGSIDE_TRY(const Field slots, kernel_.field("xa_node", "slots"));
    if (slots.count == 0 || !std::has_single_bit(slots.count) || slots.size > kMaxNodeSize ||
        slots.offset > kMaxNodeSize || slots.element_size != kernel_.pointer_size())
      return fail(Errc::malformed, "struct xa_node has " + std::to_string(slots.count) + " slots");
    slots_ = slots;
    chunk_ = static_cast<unsigned>(std::countr_zero(slots.count));
    return {};
  }

  void note(Error error) {
    if (!problem_) problem_ = error.within("the xarray at " + to_string(xarray_));
  }
  bool too_many() {
    note({Errc::out_of_bounds, "more than " + std::to_string(max_) + " entries"});
    return false;
  }

  /// The entries below a node, the first of which would have the index `base`. False: no more are wanted.
  bool node(Gva entry, std::uint64_t base, std::optional<unsigned> shift_above) {
    const Gva at{entry.value - kInternal};
    // Every node holds an entry, or the way to one; a few may be empty for a moment.
    if (++nodes_ > 2 * max_ + kSpareNodes) return too_many();
    Bytes bytes(std::max(std::size_t{slots_.offset} + slots_.size, std::size_t{shift_at_} + 1));
    if (auto read = kernel_.space().read(at, bytes); !read) {
      note(std::move(read).error());
      return true;
    }
    const auto shift = std::to_integer<unsigned>(bytes[shift_at_]);
    const unsigned width = kernel_.pointer_size() * 8;
    if (shift % chunk_ != 0 || shift >= width || (shift_above && shift + chunk_ != *shift_above)) {
      note({Errc::malformed, "node " + to_string(at) + " has the shift " + std::to_string(shift)});
      return true;
    }
    const auto slots = ByteView(bytes).subspan(slots_.offset, slots_.size);
    for (std::uint64_t slot = 0; slot < slots_.count; ++slot) {
      const Gva child = pointer_in(slots, slot, kernel_.pointer_size());
      if (child.value == 0 || (is_internal(child) && !is_node(child))) continue;
      if (shift > 0 && slot >> (width - shift) != 0) {
        note({Errc::malformed,
              "node " + to_string(at) + " holds an index of more than " + std::to_string(width) + " bits"});
        return true;
      }
      const std::uint64_t index = base | slot << shift;
      if (is_node(child)) {
        if (shift == 0) {
          note({Errc::malformed, "node " + to_string(at) + " is a leaf and holds a node"});
          return true;
        }
        if (!node(child, index, shift)) return false;
        continue;
      }
      if (entries_++ >= max_) return too_many();
      if (!visit_(index, child)) return false;
    }
    return true;
  }

  static constexpr std::uint64_t kSpareNodes = 64;

  Kernel& kernel_;
  Gva xarray_;
  std::uint64_t max_;
  const Visit& visit_;
  std::uint32_t shift_at_ = 0;
  Field slots_;
  unsigned chunk_ = 6;
  std::uint64_t nodes_ = 0, entries_ = 0;
  std::optional<Error> problem_;
};

}  // namespace

Result<void> walk_xarray(Kernel& kernel, Gva xarray, std::uint64_t max,
                         const std::function<bool(std::uint64_t index, Gva entry)>& visit) {
  return XarrayWalk(kernel, xarray, max, visit).run();
}

}  // namespace ringside::guest::linux
