// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// A function that live patching replaces (kernel/livepatch/, struct klp_func).
struct LivepatchFunction {
  Gva address;                        ///< the struct klp_func
  std::optional<Gva> patch_module;    ///< struct module of the patch that lists it
  std::optional<std::string> patch;   ///< its name
  std::optional<std::string> object;  ///< module that the old function is in; empty: the kernel image
  std::optional<bool> enabled;        ///< the patch is
  std::string name;                   ///< of the old function
  Gva old_function, function;         ///< 0: of a module that is not loaded; the old one stays
  bool listed = false;                ///< it belongs to a patch in klp_patches
  bool active = false;                ///< it stands in a stack of klp_ops: it is what is called
};

/// Most patches, objects and functions that each list may hold.
inline constexpr std::uint64_t kMaxLivepatchEntries = 1u << 14;

/// The functions of the patches in klp_patches and those in the stacks of klp_ops. None on a kernel without
/// live patching. An error means that nothing could be said.
Result<Listing<LivepatchFunction>> livepatch_functions(Kernel& kernel);

}  // namespace ringside::guest::linux
