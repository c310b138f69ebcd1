// SPDX-License-Identifier: Apache-2.0
// Red-black trees: struct rb_node is __rb_parent_color, rb_right, rb_left in every release and for both
// widths of a pointer (include/linux/rbtree_types.h).
#include "guest/linux/pointers.h"
#include "guest/linux/walkers.h"

#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

Result<void> walk_rb_tree(Kernel& kernel, Gva root, std::uint64_t max, const Visit& visit) {
  // A red-black tree of n nodes is at most 2 log2(n + 1) high.
  constexpr std::size_t kMaxHeight = 128;
  struct Step {
    Gva node, right;
  };
  std::vector<Step> way;  // from the root down, where the left side is being visited
  std::optional<Error> broken;
  const auto note = [&](Errc code, const std::string& why) {
    if (!broken) broken = Error{code, "the tree at " + to_string(root) + why};
  };
  RINGSIDE_TRY(Gva node, kernel.read_pointer(root));
  Gva parent{0};
  std::uint64_t reads = 0;
  for (;;) {
    // Down the left side. A node that names another parent is reached by a way that the kernel did not build:
    // a tree in which none does has no node twice.
    while (node.value != 0) {
      if (reads++ >= max)
        return fail(Errc::out_of_bounds,
                    "the tree at " + to_string(root) + " has more than " + std::to_string(max) + " nodes");
      auto links = read_pointers<3>(kernel, node);
      if (!links) {
        note(links.error().code, ": " + links.error().message);
        break;
      }
      const auto& [parent_color, right, left] = *links;
      if (constexpr std::uint64_t kColor = 3; (parent_color.value & ~kColor) != parent.value) {
        note(Errc::malformed, ": node " + to_string(node) + " does not point back to " + to_string(parent));
        break;
      }
      if (way.size() >= kMaxHeight || (left == right && left.value != 0)) {
        note(Errc::malformed, " is no tree at node " + to_string(node));
        break;
      }
      way.push_back({node, right});
      parent = node;
      node = left;
    }
    if (way.empty()) break;
    const Step step = way.back();
    way.pop_back();
    if (!visit(step.node)) return {};
    node = step.right;
    parent = step.node;
  }
  if (broken) return fail(std::move(*broken));
  return {};
}

}  // namespace ringside::guest::linux
