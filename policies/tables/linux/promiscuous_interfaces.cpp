// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/promiscuity.h"
#include "policies/tables/linux/view_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto listing, linux::promiscuous_interfaces(*kernel));
  report_problems(listing, sink);
  for (const auto& one : listing.entries)
    if (!sink.row({cell(one.name), cell(one.index), cell_or_null(one.netns), cell_or_null(one.promiscuity),
                   truth_cell(one.flag), truth_cell(one.by_user), cell(one.packet_sockets),
                   truth_cell(one.has_upper), cell(one.gva.value)}))
      break;
  return {};
}

}  // namespace

Table promiscuous_interfaces_table() {
  using enum ColumnType;
  return {
      .name = "promiscuous_interfaces",
      .doc =
          "Linux: the network interfaces that take packets which are not for them, and who asked for that.",
      .columns = {{"name", text, "as ip link shows it"},
                  {"ifindex", integer, "number of the interface in its namespace"},
                  {"netns", integer, "network namespace, as in /proc/PID/ns/net", Stability::kept},
                  {"promiscuity", integer, "how many have asked for it"},
                  {"flag", boolean, "IFF_PROMISC is set: so if and only if any have"},
                  {"by_user", boolean, "an administrator has: ip link set promisc on"},
                  {"packet_sockets", integer, "packet sockets that have"},
                  {"has_upper", boolean, "it belongs to a bridge, bond, VLAN, ..., which may have"},
                  {"gva", address, "its struct net_device", Stability::kept}},
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT name, promiscuity, packet_sockets, by_user FROM promiscuous_interfaces",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
