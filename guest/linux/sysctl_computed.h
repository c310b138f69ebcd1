// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/sysctl_tree.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ringside::guest::linux {

/// Values whose handler does not write what stands at `data`, but something that it finds or puts together:
/// the few of them that say something about how safe a kernel is.
class SysctlComputed {
 public:
  explicit SysctlComputed(Kernel& kernel);

  /// nullopt: not one of them, or what it takes could not be found or read.
  std::optional<std::string> value(const SysctlEntry& entry);

 private:
  enum class Kind {
    taint,
    threads,
    sysrq,
    capabilities,
    port_range,
    congestion_control,
    queueing,
    static_key
  };
  std::optional<std::string> variable(std::string_view symbol, std::uint32_t bytes);
  std::optional<std::string> capabilities(const SysctlEntry& entry);
  std::optional<std::string> port_range(const SysctlEntry& entry);
  /// The name in the struct that the pointer at `pointer` points to.
  std::optional<std::string> name_in(Gva pointer, std::string_view type, std::string_view member);

  Kernel& kernel_;
  std::unordered_map<std::uint64_t, Kind> kinds_;
};

}  // namespace ringside::guest::linux
