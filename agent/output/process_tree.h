// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/tables/table.h"

#include <cstddef>
#include <vector>

namespace ringside::agent {

/// Rows put so that each follows its parent, with the text in column `name` indented by its depth. `id` and
/// `parent` are columns of numbers. No row is lost: one whose parent is not among them starts a tree of its
/// own, and so does a loop. Siblings keep their order.
std::vector<std::vector<policies::Value>> as_tree(std::vector<std::vector<policies::Value>> rows,
                                                  std::size_t id, std::size_t parent, std::size_t name);

}  // namespace ringside::agent
