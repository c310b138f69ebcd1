// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// A pointer to a function that the function tracer calls (kernel/trace/ftrace.c, kernel/trace/fgraph.c).
struct FtraceHandler {
  /// Where it was found: "ftrace_ops_list", "fgraph_array", or "variable" for one that stands alone.
  std::string_view chain;
  /// Its member, or the variable's name: "func", "saved_func" (what func leads to when it filters by PID),
  /// "entryfunc", "retfunc", "ftrace_trace_function".
  std::string_view slot;
  Gva function;
  // Of a struct ftrace_ops only; 0 and nullopt for others.
  Gva ops;
  std::optional<std::uint64_t> flags;  ///< FTRACE_OPS_FL_*
  std::optional<Gva> trampoline;       ///< 0: it uses a common one
  std::optional<std::uint64_t> trampoline_size;
  std::optional<std::uint64_t> filtered;  ///< functions that it is asked for; 0: all
  std::optional<std::uint64_t> excluded;  ///< functions that it is not called for
};

/// Most ops that a walk takes, and most entries of all their filters.
inline constexpr std::uint64_t kMaxFtraceOps = 1u << 14;
inline constexpr std::uint64_t kMaxFtraceFilters = 1u << 19;

/// Every handler; without those of kernels that were built without the tracer. `filters`: read how many
/// functions each is asked for. An error means that nothing could be said.
Result<Listing<FtraceHandler>> ftrace_handlers(Kernel& kernel, bool filters = true);

/// One function that an ops is asked for, or not to be called for.
struct FtraceFilter {
  Gva ops;
  bool excluded = false;  ///< it stands in the notrace hash
  Gva function;           ///< its place of tracing: at the function's start, or behind an endbr64
};
Result<Listing<FtraceFilter>> ftrace_filters(Kernel& kernel);

/// A function whose place of tracing calls another one directly, without the tracer (direct_functions).
struct FtraceDirectCall {
  Gva site;
  Gva function;
  bool jump = false;  ///< it is jumped to and not called (7.0 and newer)
};
Result<Listing<FtraceDirectCall>> ftrace_direct_calls(Kernel& kernel);

/// FTRACE_OPS_FL_DIRECT
inline constexpr unsigned kFtraceDirectBit = 17;
/// "ENABLED|DYNAMIC|IPMODIFY" for FTRACE_OPS_FL_* (include/linux/ftrace.h); a bit without a name is a number.
std::string ftrace_flag_names(std::uint64_t flags);

}  // namespace ringside::guest::linux
