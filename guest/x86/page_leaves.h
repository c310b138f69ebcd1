// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/x86/page_tables.h"

#include <functional>

namespace ringside::guest {
class Snapshot;
}

namespace ringside::guest::x86 {

/// A run of a mapping, and what the entries that map its pages say by themselves.
struct LeafRun {
  Mapping mapping;
  bool user = false;  ///< U/S is set in the pages' own entries, whatever the tables above them say
};

/// As PageTables::enumerate(), for who must know what the lowest entries hold: a right that a table above
/// takes away is granted as soon as somebody changes that one table. Runs of other leaf bits are runs of
/// their own.
Result<PageTables::Summary> enumerate_leaves(Snapshot& snapshot, const PagingRoot& root,
                                             const PageTables::Bounds& bounds,
                                             const std::function<bool(const LeafRun&)>& visit);

}  // namespace ringside::guest::x86
