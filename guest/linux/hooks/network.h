// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hooks/hook.h"

namespace ringside::guest::linux {

/// The netfilter hooks of every network namespace and interface (net/netfilter/core.c). `group` is the family
/// ("ipv4", "bridge", "ingress"), `name` the hook ("LOCAL_IN") or the interface, `number` the priority.
Result<Hooks> netfilter_hooks(Kernel& kernel);

/// Who receives packets from interfaces, and who joins and splits them (net/core/dev.c, net/core/gro.c).
/// `group` is the list ("ptype_base", "ptype_all", "ptype_specific", "offload_base"), `name` the interface
/// that it is bound to, `number` the protocol (ETH_P_*).
Result<Hooks> packet_handlers(Kernel& kernel);

/// What network protocols have their work done by: `group` is the list ("proto_list", "inet_protos",
/// "inetsw", "net_families", "tcp_cong_list", ...), `name` the protocol's own, `number` its index or protocol
/// number.
Result<Hooks> network_protocols(Kernel& kernel);

/// The operations of network interfaces: tables of the driver, the function that takes received packets away
/// (rx_handler), the XDP program's code. `group` is the interface.
Result<Hooks> device_operations(Kernel& kernel);

/// What sockets have their work done by: functions of struct sock, its protocol, the operations of its struct
/// socket. `number` is the family (AF_*), `name` a process that has it open.
Result<Hooks> socket_operations(Kernel& kernel);

}  // namespace ringside::guest::linux
