// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>

namespace ringside::guest::linux {

/// The entry of one index of a struct xarray (xa_load, lib/xarray.c); 0: none. An entry that stands for
/// several indexes is found at each of them. Value entries (bit 0 set) are given as they are.
class XarrayLookup {
 public:
  explicit XarrayLookup(Kernel& kernel);
  Result<Gva> find(Gva xarray, std::uint64_t index);

 private:
  Kernel& kernel_;
  Result<Field> head_, shift_, slots_;
};

}  // namespace ringside::guest::linux
