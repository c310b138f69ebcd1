// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// A function that a security module hung into a decision of the kernel (security/security.c).
struct LsmHook {
  std::string hook;         ///< "inode_permission"
  std::uint32_t index = 0;  ///< its place among those of the hook
  std::string lsm;          ///< "apparmor"; empty: not told
  Gva entry;                ///< the struct security_hook_list; 0: none stands in this place
  Gva function;             ///< what it says to call
  // Of kernels that call hooks by static calls (from 6.12 on); nullopt on others.
  std::optional<Gva> called;    ///< what the static call's key holds
  std::optional<bool> enabled;  ///< the code that makes the call is on
  /// Key and entry agree: both on and equal, or both off.
  std::optional<bool> consistent() const {
    if (!called || !enabled) return std::nullopt;
    return entry.value != 0 ? *enabled && *called == function : !*enabled && called->value == 0;
  }
};

/// Most hooks that are looked at, and most functions of one hook.
inline constexpr std::uint64_t kMaxLsmHooks = 1u << 14;
inline constexpr std::uint64_t kMaxLsmFunctions = 64;

/// Every place that is in use, and those of static calls that are not wholly off. None on a kernel without
/// security modules. An error means that nothing could be said.
Result<Listing<LsmHook>> lsm_hooks(Kernel& kernel);

}  // namespace ringside::guest::linux
