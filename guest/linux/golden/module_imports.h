// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/module_symbols.h"
#include "guest/linux/modules.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// Where the symbols are that modules take from the kernel and from one another.
class ModuleImports {
 public:
  explicit ModuleImports(Kernel& kernel) : kernel_(&kernel) {}

  /// Notes what a module exports: by its vendor's file if there is one.
  void add(std::string_view name, std::uint64_t address) { of_modules_.emplace(name, address); }
  /// The same by the symbols that the kernel keeps of a module: what the guest says, for want of better.
  void add_symbols_of(const Module& module);

  /// The address of what EXPORT_SYMBOL(`name`) stands for: what the image says it exports, else what modules
  /// do, else the first symbol of that name in the image.
  std::optional<std::uint64_t> find(std::string_view name);

 private:
  std::optional<std::uint64_t> look_for(const std::string& name);

  Kernel* kernel_;
  std::unordered_map<std::string, std::optional<std::uint64_t>> known_;
  std::unordered_map<std::string, std::uint64_t> of_modules_;
  std::optional<ModuleSymbolReader> reader_;
};

}  // namespace ringside::guest::linux
