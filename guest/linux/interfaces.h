// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// One struct net_device (include/linux/netdevice.h). nullopt: this kernel's layout does not tell, or it
/// could not be read (then a problem says so).
struct NetInterface {
  Gva gva;
  std::string name;
  std::uint32_t index = 0;
  std::optional<std::string> address;        ///< hardware address; empty: it has none
  std::optional<std::uint32_t> mtu, flags;   ///< flags: IFF_*
  std::optional<std::uint32_t> type;         ///< ARPHRD_*
  std::optional<std::uint32_t> promiscuity;  ///< how many have asked for that mode
  std::optional<std::uint32_t> netns;        ///< as in /proc/PID/ns/net
};

/// Most interfaces that a listing holds.
inline constexpr std::uint64_t kMaxInterfaces = 1u << 17;

/// The network interfaces of every network namespace. Errors: `not_found` or `unavailable` where this kernel
/// does not tell where they are.
Result<Listing<NetInterface>> interfaces(Kernel& kernel);

/// "UP,BROADCAST,RUNNING": the names of the bits of `flags` (include/uapi/linux/if.h).
std::string interface_flag_names(std::uint32_t flags);

}  // namespace ringside::guest::linux
