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

  /// Addresses that EXPORT_SYMBOL(`name`) may stand for: usually one. Of several symbols of the image with
  /// that name the exported one, if the kernel tells which that is; else all. Modules are looked at for what
  /// the image has not.
  const std::vector<std::uint64_t>& find(std::string_view name);

 private:
  std::vector<std::uint64_t> in_image(std::string_view name);
  void read_modules();

  Kernel* kernel_;
  std::unordered_map<std::string, std::vector<std::uint64_t>> known_, of_modules_;
  bool modules_read_ = false;
};

}  // namespace ringside::guest::linux
