// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/trace_roots.h"

#include <string>

namespace ringside::guest::linux {

Result<std::optional<Gva>> feature_root(Kernel& kernel, std::string_view variable,
                                        std::string_view function) {
  if (const auto at = kernel.find_symbol(variable)) return at;
  if (!kernel.find_symbol(function)) return std::nullopt;
  return fail(Errc::unavailable, "this kernel has " + std::string(function) +
                                     "(), but does not tell where its variable " + std::string(variable) +
                                     " stands");
}

}  // namespace ringside::guest::linux
