// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "policies/tables/linux/support.h"

#include <functional>
#include <string>

namespace ringside::policies {

/// What the tables of types have in common: the type information of the image and of each module. `visit`
/// gets the name of the module, empty for the image, and returns false to stop. Those that the constraint on
/// column `module` rules out are not read; what could not be read goes to `sink`. `unavailable`: the kernel
/// has none.
Result<void> each_btf(guest::linux::Kernel& kernel, const TableRequest& request, RowSink& sink,
                      const std::function<bool(const guest::linux::Btf&, const std::string& module)>& visit);

/// "struct", "union", "enum", "typedef", "integer", "float", "function", "declaration"; empty for kinds that
/// are not listed.
std::string_view type_kind(guest::linux::Btf::Kind kind);

inline Value module_cell(const std::string& module) {
  return module.empty() ? null_cell() : cell(module);
}

// The rows of the tables; these take a kernel so that a test can make one.
Result<void> fill_types(guest::linux::Kernel& kernel, const TableRequest& request, RowSink& sink);
Result<void> fill_type_members(guest::linux::Kernel& kernel, const TableRequest& request, RowSink& sink);

}  // namespace ringside::policies
