// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/untyped_kernel.h"

#include "guest/linux/referenced_variables.h"

#include <algorithm>

namespace ringside::guest::linux {
namespace {

template <class T>
Result<std::shared_ptr<const T>> shared(Result<T> made) {
  if (!made) return fail(std::move(made).error());
  return std::make_shared<const T>(std::move(*made));
}

}  // namespace

std::optional<Gva> UntypedKernel::variable(Kernel& kernel, std::string_view name) {
  if (!exported_) exported_ = shared(find_exported_symbols(kernel));
  if (*exported_)
    if (const auto found = (**exported_)->find(name)) return found;
  if (!vmcoreinfo_) vmcoreinfo_ = shared(find_vmcoreinfo(kernel));
  if (*vmcoreinfo_)
    if (const auto found = (**vmcoreinfo_)->symbol(name)) return found;
  const auto known = referenced_variable_names();
  if (std::find(known.begin(), known.end(), name) == known.end()) return std::nullopt;
  auto place = referenced_.find(name);
  if (place == referenced_.end())
    place = referenced_.emplace(std::string(name), referenced_variable(kernel, name)).first;
  return place->second;
}

Result<std::shared_ptr<const RecoveredTypes>> UntypedKernel::types(Kernel& kernel) {
  if (!types_) types_ = recover_types(kernel);
  return *types_;
}

bool UntypedKernel::complete() const {
  return exported_ && *exported_ && vmcoreinfo_ && *vmcoreinfo_ && types_ && *types_ &&
         (**types_)->missing().empty();
}

}  // namespace ringside::guest::linux
