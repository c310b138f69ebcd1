// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/network.h"
#include "policies/tables/linux/hook_rows.h"
#include "policies/tables/linux/subsystem_tables.h"

namespace ringside::policies {

namespace linux = guest::linux;

Table netfilter_hooks_table() {
  return {
      .name = "netfilter_hooks",
      .doc = "Linux: netfilter hooks of every network namespace and interface.",
      .columns = hook_columns(
          {{"family", ColumnType::text, "ipv4, ipv6, arp, bridge, decnet; ingress, egress of an interface"},
           {"hook", ColumnType::text, "PRE_ROUTING, LOCAL_IN, ...; the interface"},
           {"priority", ColumnType::integer, "the lowest is called first; NULL if it is not known"},
           {"netns", ColumnType::integer, "network namespace, as in /proc/PID/ns/net", Stability::kept}}),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT family, hook, priority, symbol, module FROM netfilter_hooks",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::netfilter_hooks, HookColumn::group, HookColumn::name, HookColumn::number,
                         HookColumn::netns>};
}

Table packet_handlers_table() {
  return {.name = "packet_handlers",
          .doc = "Linux: who receives packets from interfaces, and who joins and splits them.",
          .columns = hook_columns(
              {{"list", ColumnType::text, "ptype_base, ptype_all, ptype_specific, offload_base"},
               {"device", ColumnType::text, "the interface that it is bound to"},
               {"protocol", ColumnType::integer, "ETH_P_*: 2048 IPv4, 3 every packet"},
               {"slot", ColumnType::text, "the member: func, callbacks.gro_receive"},
               {"netns", ColumnType::integer,
                "network namespace that the list belongs to, as in /proc/PID/ns/net", Stability::kept}}),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT protocol, device, symbol, module FROM packet_handlers WHERE slot = 'func'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::packet_handlers, HookColumn::group, HookColumn::name, HookColumn::number,
                             HookColumn::slot, HookColumn::netns>};
}

Table network_protocols_table() {
  return {
      .name = "network_protocols",
      .doc = "Linux: what network protocols have their work done by.",
      .columns = hook_columns(
          {{"list", ColumnType::text,
            "proto_list, inet_protos, inet6_protos, inet_offloads, net_families, inetsw, tcp_cong_list, ..."},
           {"name", ColumnType::text, "of the protocol, where it has one"},
           {"number", ColumnType::integer, "its number, or its place in the array"},
           {"slot", ColumnType::text, "the member: sendmsg, handler"},
           {"kind", ColumnType::text, "function, or table: the pointer leads to a table of functions"}}),
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT name, slot, symbol FROM network_protocols WHERE list = 'proto_list'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill_hooks<linux::network_protocols, HookColumn::group, HookColumn::name, HookColumn::number,
                         HookColumn::slot, HookColumn::kind>};
}

Table device_operations_table() {
  return {.name = "device_operations",
          .doc = "Linux: the operations of network interfaces.",
          .columns = hook_columns(
              {{"device", ColumnType::text, "the interface"},
               {"slot", ColumnType::text, "netdev_ops, ethtool_ops, header_ops, ...; rx_handler, xdp_prog"},
               {"kind", ColumnType::text, "function, or table: the pointer leads to a table of functions"},
               {"netns", ColumnType::integer, "network namespace, as in /proc/PID/ns/net", Stability::kept}},
              "pointer", "what it holds; of an XDP program its code"),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT device, slot, symbol FROM device_operations WHERE slot = 'rx_handler'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::device_operations, HookColumn::group, HookColumn::slot, HookColumn::kind,
                             HookColumn::netns>};
}

Table socket_operations_table() {
  return {.name = "socket_operations",
          .doc = "Linux: what sockets have their work done by.",
          .columns = hook_columns(
              {{"object", ColumnType::text, "sock, or socket: its side of the file"},
               {"owner", ColumnType::text, "a process that has it open"},
               {"family", ColumnType::integer, "AF_*: 1 local, 2 IPv4, 10 IPv6, 17 packet"},
               {"slot", ColumnType::text, "sk_data_ready, sk_destruct, ...; sk_prot, ops"},
               {"kind", ColumnType::text, "function, or table: the pointer leads to a table of functions"},
               {"sock", ColumnType::address, "its struct sock or socket", Stability::kept}},
              "pointer", "what it holds"),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT owner, slot, symbol FROM socket_operations WHERE slot = 'sk_data_ready'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill_hooks<linux::socket_operations, HookColumn::group, HookColumn::name,
                             HookColumn::number, HookColumn::slot, HookColumn::kind, HookColumn::object>};
}

}  // namespace ringside::policies
