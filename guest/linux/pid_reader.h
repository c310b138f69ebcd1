// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// A struct pid: one number in each pid namespace that it is visible in (include/linux/pid.h).
struct PidNumbers {
  std::uint32_t level = 0;     ///< how deep its namespace is nested; 0: the first
  std::int32_t outermost = 0;  ///< its number in the first namespace
  std::int32_t innermost = 0;  ///< its number in its own namespace
  Gva name_space{0};           ///< struct pid_namespace of its own
};

/// Reads struct pid; each is read once.
class PidReader {
 public:
  explicit PidReader(Kernel& kernel);

  const std::vector<Error>& missing() const { return missing_; }
  /// nullopt: this kernel's layout does not tell. `out_of_bounds` for a level that no kernel nests to.
  Result<std::optional<PidNumbers>> read(Gva pid);

 private:
  /// MAX_PID_NS_LEVEL (include/linux/pid_namespace.h).
  static constexpr std::uint32_t kMaxLevel = 32;

  Kernel& kernel_;
  std::vector<Error> missing_;
  std::optional<Field> level_, numbers_, number_, name_space_;
  std::uint64_t number_size_ = 0;
  std::unordered_map<std::uint64_t, PidNumbers> seen_;
};

}  // namespace ringside::guest::linux
