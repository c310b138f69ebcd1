// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/percpu.h"

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

Result<std::uint64_t> size_of_variable(Kernel& kernel, std::string_view name) {
  RINGSIDE_TRY(const auto btf, kernel.btf());
  const auto id = btf->find(Btf::Kind::variable, name);
  if (!id) return fail(Errc::not_found, "this kernel's types do not tell of variable " + std::string(name));
  return btf->size_of(btf->refers_to(*id));
}

}  // namespace ringside::guest::linux
