// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/object_reader.h"

#include <cstdint>
#include <functional>

namespace ringside::guest::linux {

/// Reads the hashes of functions that the tracer keeps (struct ftrace_hash, kernel/trace/trace.h).
class FtraceHashes {
 public:
  explicit FtraceHashes(Kernel& kernel);

  /// Entries that a struct ftrace_hash says to have. 0 for a null pointer.
  Result<std::uint64_t> count(Gva hash);
  /// Visits `ip` and `direct` of each entry. `left`: how many entries may still be looked at, in this hash
  /// and those after it. `problem` is told what is torn.
  void walk(Gva hash, std::uint64_t& left, const std::function<void(Gva ip, Gva direct)>& visit,
            const std::function<void(Error)>& problem);

 private:
  Kernel& kernel_;
  ObjectReader hash_, entry_;
  ObjectReader::Member size_bits_, buckets_, count_, ip_, direct_;
  Result<std::uint32_t> node_;
};

}  // namespace ringside::guest::linux
