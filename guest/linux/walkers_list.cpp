// SPDX-License-Identifier: Apache-2.0
// Lists. Their layouts are the same in every release and for both widths of a pointer (include/linux/types.h,
// include/linux/list_nulls.h): next first.
#include "guest/linux/pointers.h"
#include "guest/linux/walkers.h"

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace ringside::guest::linux {

namespace {

Error endless(std::string_view what, Gva head, std::uint64_t max) {
  return {Errc::out_of_bounds, "the " + std::string(what) + " at " + to_string(head) + " has more than " +
                                   std::to_string(max) + " nodes"};
}

Error circular(std::string_view what, Gva head, Gva node) {
  return {Errc::malformed, "the " + std::string(what) + " at " + to_string(head) +
                               " comes back to its node " + to_string(node) + " without end"};
}

}  // namespace

Result<void> walk_list(Kernel& kernel, Gva head, std::uint64_t max, const Visit& visit) {
  // A list whose nodes all point back has no cycle but through its head. One that does not may be in the
  // middle of a change: what is linked forward is given to the end, and then it is said.
  std::optional<Error> torn;
  std::vector<std::uint64_t> given;
  std::unordered_set<std::uint64_t> seen;  // the same, once it is needed
  RINGSIDE_TRY(const auto first, read_pointers<1>(kernel, head));
  Gva before = head, node = first[0];
  for (std::uint64_t count = 0; node != head; ++count) {
    if (count >= max) return fail(torn ? *torn : endless("list", head, max));
    auto links = read_pointers<2>(kernel, node);
    if (!links) return fail(links.error().within("the list at " + to_string(head)));
    const auto [next, prev] = *links;
    if (prev != before && !torn) {
      seen.insert(given.begin(), given.end());
      torn =
          Error{Errc::malformed, "the list at " + to_string(head) + ": the prev of node " + to_string(node) +
                                     " is " + to_string(prev) + ", not " + to_string(before)};
    }
    if (torn && !seen.insert(node.value).second) return fail(circular("list", head, node));
    if (!torn) given.push_back(node.value);
    if (!visit(node)) return {};
    before = node;
    node = next;
  }
  if (torn) return fail(std::move(*torn));
  return {};
}

Result<void> walk_hlist(Kernel& kernel, Gva head, std::uint64_t max, const Visit& visit) {
  RINGSIDE_TRY(Gva node, kernel.read_pointer(head));
  // Brent's way to see a cycle: one node is kept to compare with, at each power of two.
  Gva kept{0};
  for (std::uint64_t count = 0; node.value != 0 && (node.value & 1) == 0; ++count) {
    if (count >= max) return fail(endless("list", head, max));
    if (node == kept) return fail(circular("list", head, node));
    if ((count & (count - 1)) == 0) kept = node;
    auto next = kernel.read_pointer(node);
    if (!next) return fail(next.error().within("the list at " + to_string(head)));
    if (!visit(node)) return {};
    node = *next;
  }
  return {};
}

}  // namespace ringside::guest::linux
