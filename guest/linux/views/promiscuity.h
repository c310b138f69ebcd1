// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// A network interface that takes packets which are not for it, and who has asked for that
/// (net/core/dev.c, __dev_set_promiscuity). nullopt: not known.
struct PromiscuousInterface {
  Gva gva;  ///< struct net_device
  std::string name;
  std::uint32_t index = 0;
  std::optional<std::uint32_t> netns;        ///< as in /proc/PID/ns/net
  std::optional<std::uint32_t> promiscuity;  ///< how many have asked
  std::optional<bool> flag;                  ///< IFF_PROMISC: set if and only if anybody has
  std::optional<bool> by_user;               ///< an administrator has: ip link set promisc on
  std::uint32_t packet_sockets = 0;          ///< packet sockets that have
  std::optional<bool> has_upper;  ///< it belongs to a bridge, bond, VLAN, macvlan, ...: these may have
};

/// The interfaces whose promiscuity is not 0, or whose IFF_PROMISC is set. Errors as interfaces().
Result<Listing<PromiscuousInterface>> promiscuous_interfaces(Kernel& kernel);

}  // namespace ringside::guest::linux
