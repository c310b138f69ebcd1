// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/code_references.h"

#include <algorithm>
#include <map>
#include <set>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxFunctionBytes = 8192;
constexpr std::size_t kMaxReferences = 512;
constexpr std::uint64_t kMaxDataBytes = std::uint64_t{24} << 20;

}  // namespace

Bytes code_of(Kernel& kernel, std::string_view function) {
  const SymbolTable& symbols = kernel.symbols();
  const auto index = symbols.find(function);
  if (!index) return {};
  const std::uint64_t start = symbols.address(*index, kernel.slide());
  std::uint64_t end = start;
  for (std::size_t next = *index + 1; next < symbols.size() && end == start; ++next)
    end = symbols.address(next, kernel.slide());
  if (end <= start) return {};
  Bytes code(std::min(end - start, kMaxFunctionBytes));
  if (!kernel.space().read(Gva{start}, code)) return {};
  return code;
}

std::vector<Gva> code_references(Kernel& kernel, std::initializer_list<std::string_view> functions) {
  // Such a kernel does not tell where its image ends either.
  const Gva start = kernel.identity().text.end;
  const Range data{start, std::max(kernel.identity().image.end, start + kMaxDataBytes)};
  std::map<std::uint64_t, unsigned> holders;
  for (const auto function : functions) {
    const Bytes code = code_of(kernel, function);
    std::set<std::uint64_t> held;
    for (std::size_t at = 0; at + 4 <= code.size(); ++at) {
      const std::uint64_t value = *load_le<std::uint32_t>(code, at);
      if (data.contains(Gva{value})) held.insert(value);
    }
    for (const auto value : held) ++holders[value];
  }
  std::vector<std::pair<unsigned, std::uint64_t>> order;
  for (const auto& [value, count] : holders) order.emplace_back(count, value);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (order.size() > kMaxReferences) order.resize(kMaxReferences);
  std::vector<Gva> references;
  for (const auto& [count, value] : order) references.push_back(Gva{value});
  return references;
}

}  // namespace ringside::guest::linux
