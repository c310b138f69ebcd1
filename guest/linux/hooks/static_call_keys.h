// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>

namespace ringside::guest::linux {

/// One struct static_call_key (include/linux/static_call_types.h): what the sites that name it call.
struct StaticCallKey {
  Gva address;
  Gva function;             ///< 0: they do nothing
  std::uint32_t sites = 0;  ///< that name it, in the image and in live modules
};

/// Most sites of the image or of a module.
inline constexpr std::uint64_t kMaxStaticCallSites = 1u << 18;

/// Every key that a call site names, in order of address. None on a kernel without static calls.
/// `unavailable` where calls go by trampolines alone and no sites are kept (32-bit). An error means that
/// nothing could be said.
Result<Listing<StaticCallKey>> static_call_keys(Kernel& kernel);

}  // namespace ringside::guest::linux
