// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <functional>

// Walks over the kernel's containers. All are bounded by `max` objects, tell a cycle from the end, and give
// what they reached before a failure. `visit` returns false to stop early, which is no error.
namespace ringside::guest::linux {

using Visit = std::function<bool(Gva)>;

/// A circular list (struct list_head) from its head: visits the address of each node (not of the object
/// around it), without the head. `malformed` for a node whose prev does not point back, `out_of_bounds` past
/// `max`, or what reading a node said. On a running guest a torn list may fail: read again.
Result<void> walk_list(Kernel& kernel, Gva head, std::uint64_t max, const Visit& visit);
/// hlist_head / hlist_nulls_head: visits nodes until NULL or a nulls marker (bit 0 set).
Result<void> walk_hlist(Kernel& kernel, Gva head, std::uint64_t max, const Visit& visit);
/// struct rb_root: nodes in order.
Result<void> walk_rb_tree(Kernel& kernel, Gva root, std::uint64_t max, const Visit& visit);
/// struct xarray, radix_tree_root, idr.idr_rt: present entries with their index. Value entries (bit 0 set)
/// are given as they are; internal ones never. The address of the xarray itself; needs BTF's xarray.xa_head,
/// xa_node.
Result<void> walk_xarray(Kernel& kernel, Gva xarray, std::uint64_t max,
                         const std::function<bool(std::uint64_t index, Gva entry)>& visit);
/// struct maple_tree (6.1 and newer): non-NULL entries with the range of indexes [first, last] that each
/// covers (lib/maple_tree.c, include/linux/maple_tree.h: node kinds dense, leaf_64, range_64, arange_64).
Result<void> walk_maple_tree(
    Kernel& kernel, Gva tree, std::uint64_t max,
    const std::function<bool(std::uint64_t first, std::uint64_t last, Gva entry)>& visit);

}  // namespace ringside::guest::linux
