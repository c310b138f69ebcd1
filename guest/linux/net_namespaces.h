// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// A network namespace (struct net, include/net/net_namespace.h).
struct NetNamespace {
  Gva gva;
  std::optional<std::uint32_t> number;  ///< as in /proc/PID/ns/net
};

/// Most namespaces that a walk takes.
inline constexpr std::uint64_t kMaxNetNamespaces = 1u << 16;

/// All network namespaces, the first one (init_net) first. Errors: `not_found` or `unavailable` where this
/// kernel does not tell where they are.
Result<Listing<NetNamespace>> net_namespaces(Kernel& kernel);

}  // namespace ringside::guest::linux
