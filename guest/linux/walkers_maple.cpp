// SPDX-License-Identifier: Apache-2.0
// The maple tree of 6.1 and newer (include/linux/maple_tree.h, lib/maple_tree.c).
#include "guest/linux/pointers.h"
#include "guest/linux/walkers.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace ringside::guest::linux {

namespace {

// A node stands at 256 bytes; what is below is its type in bits 3 to 6 (enum maple_type), and bit 1 where it
// is the root. Other roots are one entry, at index 0.
constexpr std::uint64_t kNodeSize = 256, kRootMask = 3, kRootNode = 2, kReserved = 4096;
enum class NodeType : unsigned { dense, leaf_64, range_64, arange_64 };
constexpr unsigned kMaxHeight = 31;  // MAPLE_HEIGHT_MAX

NodeType type_of(Gva encoded) {
  return static_cast<NodeType>((encoded.value >> 3) & 0xf);
}
Gva address_of(Gva encoded) {
  return Gva{encoded.value & ~(kNodeSize - 1)};
}
/// XA_ZERO_ENTRY and its like: an index that is taken and has no entry.
bool is_reserved(Gva entry) {
  return (entry.value & kRootMask) == kRootNode && entry.value < kReserved;
}

/// Where slots and pivots of a kind of node stand.
struct Layout {
  Field pivots, slots;  // pivots.count == 0: the place of a slot is its index
};

class MapleWalk {
 public:
  using Visit = std::function<bool(std::uint64_t, std::uint64_t, Gva)>;

  MapleWalk(Kernel& kernel, Gva tree, std::uint64_t max, const Visit& visit)
      : kernel_(kernel), tree_(tree), max_(max), visit_(visit) {}

  Result<void> run() {
    RINGSIDE_TRY(const std::uint32_t root_offset, kernel_.offset("maple_tree", "ma_root"));
    RINGSIDE_TRY(const Gva root, kernel_.read_pointer(tree_ + root_offset));
    if (root.value == 0) return {};
    const std::uint64_t last = kernel_.pointer_size() == 4 ? 0xffffffff : ~std::uint64_t{0};
    if ((root.value & kRootMask) == kRootNode && root.value >= kReserved) {
      RINGSIDE_CHECK(lay_out());
      node(root, 0, last, 0);
    } else {
      give(0, 0, root);
    }
    if (problem_) return fail(std::move(*problem_));
    return {};
  }

 private:
  Result<void> lay_out() {
    for (const auto type : {NodeType::leaf_64, NodeType::range_64})
      RINGSIDE_CHECK(lay_out(type, "maple_range_64"));
    RINGSIDE_CHECK(lay_out(NodeType::arange_64, "maple_arange_64"));
    // Dense nodes are not made by any release so far: no layout is no obstacle.
    if (const auto slots = kernel_.field("maple_node", "slot"); slots && fits(*slots))
      layouts_[static_cast<unsigned>(NodeType::dense)].slots = *slots;
    return {};
  }

  bool fits(const Field& array) const {
    return array.count > 0 && array.element_size == kernel_.pointer_size() &&
           std::uint64_t{array.offset} + array.size <= kNodeSize;
  }

  Result<void> lay_out(NodeType type, const char* name) {
    Layout& made = layouts_[static_cast<unsigned>(type)];
    RINGSIDE_TRY(made.pivots, kernel_.field(name, "pivot"));
    RINGSIDE_TRY(made.slots, kernel_.field(name, "slot"));
    if (!fits(made.pivots) || !fits(made.slots) || made.pivots.count + 1 != made.slots.count)
      return fail(Errc::malformed,
                  std::string("struct ") + name + " is not laid out as a node of a maple tree");
    return {};
  }

  void note(Errc code, const std::string& why) {
    if (!problem_) problem_ = Error{code, "the maple tree at " + to_string(tree_) + ": " + why};
  }
  bool too_many() {
    note(Errc::out_of_bounds, "more than " + std::to_string(max_) + " entries");
    return false;
  }

  bool give(std::uint64_t first, std::uint64_t last, Gva entry) {
    if (entry.value == 0 || is_reserved(entry)) return true;
    if (entries_++ >= max_) return too_many();
    return visit_(first, last, entry);
  }

  /// The entries of a node that covers [first, last]. False: no more are wanted.
  bool node(Gva encoded, std::uint64_t first, std::uint64_t last, unsigned height) {
    const auto type = type_of(encoded);
    const Gva at = address_of(encoded);
    const auto damaged = [&](const std::string& why) {
      note(Errc::malformed, "node " + to_string(at) + " " + why);
      return true;
    };
    if (static_cast<unsigned>(type) >= layouts_.size() ||
        layouts_[static_cast<unsigned>(type)].slots.count == 0)
      return damaged("is of the unknown type " + std::to_string(static_cast<unsigned>(type)));
    if (height >= kMaxHeight) return damaged("lies too deep");
    if (++nodes_ > 2 * max_ + kSpareNodes) return too_many();
    const Layout& layout = layouts_[static_cast<unsigned>(type)];
    std::array<std::byte, kNodeSize> bytes;
    if (auto read = kernel_.space().read(at, bytes); !read) {
      note(read.error().code, read.error().message);
      return true;
    }
    const unsigned width = kernel_.pointer_size();
    // A node that was taken out of the tree is its own parent.
    if (pointer_in(bytes, 0, width) == at) return damaged("is no longer part of it");
    const auto pivots = ByteView(bytes).subspan(layout.pivots.offset, layout.pivots.size);
    const auto slots = ByteView(bytes).subspan(layout.slots.offset, layout.slots.size);
    const bool leaf = type == NodeType::leaf_64 || type == NodeType::dense;
    for (std::size_t slot = 0; slot < layout.slots.count; ++slot) {
      std::uint64_t end = last;
      if (type == NodeType::dense)
        end = first;
      else if (slot < layout.pivots.count)
        end = pointer_in(pivots, slot, width).value;
      // Pivots are filled up to the last range, whose own may be left out (mas_logical_pivot).
      if (end == 0 && slot > 0) end = last;
      if (end < first || end > last) return damaged("has ranges out of order");
      const Gva child = pointer_in(slots, slot, width);
      if (leaf) {
        if (!give(first, end, child)) return false;
      } else if (child.value != 0 && !node(child, first, end, height + 1)) {
        return false;
      }
      if (end == last) break;
      first = end + 1;
    }
    return true;
  }

  static constexpr std::uint64_t kSpareNodes = 64;

  Kernel& kernel_;
  Gva tree_;
  std::uint64_t max_;
  const Visit& visit_;
  std::array<Layout, 4> layouts_{};
  std::uint64_t nodes_ = 0, entries_ = 0;
  std::optional<Error> problem_;
};

}  // namespace

Result<void> walk_maple_tree(
    Kernel& kernel, Gva tree, std::uint64_t max,
    const std::function<bool(std::uint64_t first, std::uint64_t last, Gva entry)>& visit) {
  return MapleWalk(kernel, tree, max, visit).run();
}

}  // namespace ringside::guest::linux
