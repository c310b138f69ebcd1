// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/percpu.h"

#include "guest/linux/symbol_extent.h"

#include <string>

namespace ringside::guest::linux {

void each_cpu(Kernel& kernel, std::string_view symbol, Hooks& into,
              const std::function<void(Gva variable, unsigned cpu)>& visit) {
  const auto variable = kernel.find_symbol(symbol);
  if (!variable) return;
  const auto offsets = kernel.per_cpu_offsets();
  if (!offsets) return into.problem(offsets.error().within(std::string(symbol)));
  for (unsigned cpu = 0; cpu < offsets->size(); ++cpu) visit(*variable + (*offsets)[cpu], cpu);
}

Result<std::uint64_t> size_of_variable(Kernel& kernel, std::string_view name, std::uint64_t most) {
  RINGSIDE_TRY(const auto btf, kernel.btf());
  if (const auto id = btf->find(Btf::Kind::variable, name)) return btf->size_of(btf->refers_to(*id));
  // Before 5.11 or so types tell of no variables: as much as there is room for.
  RINGSIDE_TRY(const Gva variable, kernel.symbol(name));
  return bytes_to_next_symbol(kernel, variable, most);
}

}  // namespace ringside::guest::linux
