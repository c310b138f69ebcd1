// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/interfaces.h"

#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::interfaces(*kernel));
  report_problems(all, sink);
  for (const auto& interface : all.entries) {
    const auto flags = interface.flags ? cell(linux::interface_flag_names(*interface.flags)) : null_cell();
    const auto promiscuous =
        interface.promiscuity ? cell(std::uint32_t{*interface.promiscuity > 0}) : null_cell();
    if (!sink.row({cell(interface.name), cell(interface.index), cell_or_null(interface.netns),
                   cell_or_null(interface.address), cell_or_null(interface.mtu), flags,
                   cell_or_null(interface.type), promiscuous, cell_or_null(interface.promiscuity),
                   cell(interface.gva.value)}))
      break;
  }
  return {};
}

}  // namespace

Table interfaces_table() {
  return {.name = "interfaces",
          .doc = "Linux: the network interfaces of every network namespace.",
          .columns = {{"name", ColumnType::text, "as ip link shows it"},
                      {"ifindex", ColumnType::integer, "number of the interface in its namespace"},
                      {"netns", ColumnType::integer, "network namespace, as in /proc/PID/ns/net",
                       Stability::kept},
                      {"address", ColumnType::text, "hardware address; empty if it has none"},
                      {"mtu", ColumnType::integer, "bytes of the longest packet"},
                      {"flags", ColumnType::text, "UP, RUNNING, PROMISC, ..."},
                      {"type", ColumnType::integer, "ARPHRD_*: 1 Ethernet, 772 loopback, 65534 tunnel"},
                      {"promiscuous", ColumnType::boolean, "it takes packets that are not for it"},
                      {"promiscuity", ColumnType::integer, "how many have asked for that"},
                      {"gva", ColumnType::address, "its struct net_device", Stability::kept}},
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT name, address, flags FROM interfaces WHERE promiscuous",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
