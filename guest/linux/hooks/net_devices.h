// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

#include <functional>
#include <string>

namespace ringside::guest::linux {

/// Visits the network interfaces of every namespace: the struct net_device, its name, its namespace's number.
/// Problems go to `into`.
void each_net_device(Kernel& kernel, Hooks& into,
                     const std::function<void(Gva device, const std::string& name,
                                              std::optional<std::uint32_t> netns)>& visit);

/// Visits network namespaces: struct net, its number.
void each_net(Kernel& kernel, Hooks& into,
              const std::function<void(Gva net, std::optional<std::uint32_t> netns)>& visit);

}  // namespace ringside::guest::linux
