// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/module_imports.h"

namespace ringside::guest::linux {

std::optional<std::uint64_t> ModuleImports::find(std::string_view name) {
  std::string key(name);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  const auto found = look_for(key);
  return known_[std::move(key)] = found;
}

std::optional<std::uint64_t> ModuleImports::look_for(const std::string& name) {
  // struct kernel_symbol (include/linux/export.h, with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS) starts with the
  // distance to what it exports. A static function may have the same name.
  if (const auto entry = kernel_->find_symbol("__ksymtab_" + name))
    if (const auto distance = kernel_->read<std::uint32_t>(*entry))
      return entry->value + static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(*distance)});
  if (const auto other = of_modules_.find(name); other != of_modules_.end()) return other->second;
  if (const auto symbol = kernel_->symbols().find(name))
    return kernel_->symbols().address(*symbol, kernel_->slide());
  if (const auto variable = kernel_->find_symbol(name)) return variable->value;
  return std::nullopt;
}

void ModuleImports::add_symbols_of(const Module& module) {
  if (!reader_) reader_.emplace(*kernel_);
  if (reader_->unusable()) return;
  const ModuleSymbols symbols = reader_->read(module, false, [](const Error&) {});
  for (std::size_t i = 0; i < symbols.size(); ++i)
    if (symbols.defined(i)) add(symbols.name(i), symbols.address(i).value);
}

}  // namespace ringside::guest::linux
