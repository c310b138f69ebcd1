// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/views/module_areas.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// Finds the struct module in the memory that the kernel gave to a module: it stands there itself, and tells
/// where the memory begins.
class ModuleFinder {
 public:
  explicit ModuleFinder(Kernel& kernel);

  /// nullopt: there is none in it, or the bytes that one finder searches are used up (exhausted()).
  std::optional<Gva> in(const ModuleArea& area);
  bool exhausted() const { return left_ == 0; }

 private:
  bool looks_right(ByteView bytes, std::uint64_t at) const;

  Kernel& kernel_;
  std::uint64_t left_;
  std::optional<Field> base_, name_, state_;
  std::uint64_t span_ = 0;  ///< bytes from the start of a struct module to the last of these members
};

}  // namespace ringside::guest::linux
