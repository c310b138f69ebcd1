// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// One file of /proc/sys (struct ctl_table, include/linux/sysctl.h).
struct Sysctl {
  std::string name;  ///< as sysctl(8) spells it: "net.ipv4.ip_forward"; a dot inside a part is written /
  /// What reading the file gives, without the newline. nullopt: its handler computes it by rules of its own,
  /// or it could not be read (then a problem says so).
  std::optional<std::string> value;
  std::uint32_t mode = 0;              ///< permissions
  Gva handler;                         ///< proc_handler
  std::string handler_name;            ///< empty: no function of the kernel image
  Gva data;                            ///< where the handler keeps the value; 0: it keeps none
  std::uint32_t length = 0;            ///< maxlen: bytes at `data`
  std::optional<std::uint32_t> netns;  ///< of a value that each network namespace has for itself
  Gva gva;                             ///< struct ctl_table
};

/// All values of /proc/sys: the global ones, those of the first user, IPC and pid namespace, and those of
/// each network namespace. `name` narrows it to that one. Errors: `not_found` or `unavailable` where this
/// kernel does not tell where they are.
Result<Listing<Sysctl>> sysctls(Kernel& kernel, std::optional<std::string_view> name = std::nullopt);

}  // namespace ringside::guest::linux
