// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/site_collector.h"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace ringside::guest::linux {

/// Who traces functions now, as far as it decides what a traced function's entry calls
/// (kernel/trace/ftrace.c, ftrace_get_addr_curr).
class FtraceState {
 public:
  /// Problems are told to `sites`.
  explicit FtraceState(SiteCollector& sites);

  /// Trampolines of the ops that trace the function at `ip`, at most `most`.
  std::vector<Gva> trampolines(Gva ip, std::size_t most);
  /// What is called at `ip` directly; bit 0: by a jump (from 6.x on).
  std::optional<Gva> direct(Gva ip);

  static constexpr std::uint64_t kMaxOps = 4096, kMaxEntries = 1u << 18;

 private:
  /// A set of functions (struct ftrace_hash); nullopt: the empty one, which stands for all or none.
  using Functions = std::optional<std::unordered_set<std::uint64_t>>;
  struct Ops {
    Gva trampoline, hashes;
    bool known = false;
    Functions filter, notrace;
    bool traces(Gva ip) const {
      return (!filter || filter->contains(ip.value)) && (!notrace || !notrace->contains(ip.value));
    }
  };

  void read_ops();
  Functions read_functions(Gva hash);
  /// Calls `visit` with each entry (struct ftrace_func_entry) of a hash.
  void each_entry(Gva hash, const std::function<void(Gva)>& visit);
  void learn(Ops& ops);

  SiteCollector& sites_;
  Kernel& kernel_;
  bool ops_read_ = false, direct_read_ = false;
  std::vector<Ops> ops_;
  std::unordered_map<std::uint64_t, Gva> direct_;
};

}  // namespace ringside::guest::linux
