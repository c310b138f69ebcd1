// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/module_imports.h"

#include <cctype>

namespace ringside::guest::linux {

const std::vector<std::uint64_t>& ModuleImports::find(std::string_view name) {
  const std::string key(name);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  auto found = in_image(name);
  if (found.empty()) {
    if (!modules_read_) read_modules();
    if (const auto other = of_modules_.find(key); other != of_modules_.end()) found = other->second;
  }
  return known_[key] = std::move(found);
}

std::vector<std::uint64_t> ModuleImports::in_image(std::string_view name) {
  const SymbolTable& symbols = kernel_->symbols();
  std::vector<std::uint64_t> found;
  for (const std::size_t index : symbols.find_all(name))
    found.push_back(symbols.address(index, kernel_->slide()));
  if (found.size() == 1) return found;
  // A static function may have the name of an exported one. struct kernel_symbol (include/linux/export.h,
  // with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS) starts with the distance to what it exports.
  if (const auto entry = kernel_->find_symbol("__ksymtab_" + std::string(name)))
    if (const auto distance = kernel_->read<std::uint32_t>(*entry))
      return {entry->value + static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(*distance)})};
  if (found.empty())
    if (const auto exported = kernel_->find_symbol(name)) found.push_back(exported->value);
  return found;
}

void ModuleImports::read_modules() {
  modules_read_ = true;
  const auto ignore = [](const Error&) {};
  ModuleSymbolReader reader(*kernel_);
  if (reader.unusable()) return;
  for (const Module& module : modules(*kernel_, ModuleParts::none).entries) {
    if (module.state == ModuleState::unformed) continue;
    const ModuleSymbols symbols = reader.read(module, true, ignore);
    for (std::size_t i = 0; i < symbols.size(); ++i)
      if (symbols.defined(i) && std::isupper(static_cast<unsigned char>(symbols.type(i))) != 0)
        of_modules_[std::string(symbols.name(i))].push_back(symbols.address(i).value);
  }
}

}  // namespace ringside::guest::linux
