// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// A piece of the address range of modules that the kernel has given out: a struct vmap_area and the struct
/// vm_struct that it belongs to (include/linux/vmalloc.h).
struct ModuleArea {
  Gva first, end;             ///< with its guard page
  std::uint64_t flags = 0;    ///< VM_*
  std::optional<Gva> caller;  ///< who asked for it: an address in the function's code
  bool contains(Gva gva) const { return first <= gva && gva < end; }
};

/// The areas outside the range of vmalloc(), by address. Errors: `not_found` or `unavailable` where this
/// kernel does not tell where they are.
Result<Listing<ModuleArea>> module_areas(Kernel& kernel);

}  // namespace ringside::guest::linux
