// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_names.h"

#include "guest/linux/btf.h"

#include <algorithm>

namespace ringside::guest::linux {

EnumNames::EnumNames(Kernel& kernel, std::string_view enum_name, std::string_view prefix) {
  const auto btf = kernel.btf();
  if (!btf) return;
  const auto id = (*btf)->find(Btf::Kind::enum_, enum_name);
  if (!id) return;
  for (const auto& one : (*btf)->enumerators(*id)) {
    if (!one.name.starts_with(prefix)) continue;
    std::string name(one.name.substr(prefix.size()));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    names_.emplace(static_cast<std::uint32_t>(one.value), std::move(name));
  }
}

std::string EnumNames::name(std::uint32_t value) const {
  const auto found = names_.find(value);
  return found == names_.end() ? std::to_string(value) : found->second;
}

}  // namespace ringside::guest::linux
