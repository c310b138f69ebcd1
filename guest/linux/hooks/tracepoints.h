// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// One struct tracepoint (include/linux/tracepoint-defs.h).
struct Tracepoint {
  Gva address;
  std::string module;                  ///< that brought it; empty: the kernel image
  std::string name;                    ///< "sched_switch"; empty: not asked for
  std::int32_t enabled = 0;            ///< its static key: above 0, the code that calls the probes is on
  std::optional<Gva> call_key;         ///< its struct static_call_key; nullopt: this kernel has none
  std::optional<Gva> call_trampoline;  ///< that goes where the key says; nullopt: likewise
  struct Pointer {
    /// "probe", or its member: "iterator" (calls all probes in turn), "probestub", "regfunc", "unregfunc".
    std::string_view slot;
    std::uint32_t index = 0;  ///< of a probe
    Gva function;
    Gva data;                              ///< of a probe: what it is given
    std::optional<std::int32_t> priority;  ///< of a probe
  };
  std::vector<Pointer> pointers;
  std::uint32_t probes = 0;  ///< how many of them are probes
};

/// Most tracepoints of the image or of a module, and most probes of one tracepoint.
inline constexpr std::uint64_t kMaxTracepoints = 1u << 15;
inline constexpr std::uint32_t kMaxProbes = 1u << 10;

/// What to leave out.
struct TracepointParts {
  bool names = true;
  bool image = true;    ///< those of the kernel image
  bool modules = true;  ///< those of modules that are live
};

/// Every tracepoint. None on a kernel without them. An error means that nothing could be said.
Result<Listing<Tracepoint>> tracepoints(Kernel& kernel, TracepointParts parts = {});

}  // namespace ringside::guest::linux
