// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/promiscuity.h"

#include "guest/linux/interfaces.h"
#include "guest/linux/net_namespaces.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <map>
#include <string>
#include <utility>

namespace ringside::guest::linux {

namespace {

constexpr std::uint32_t kPromiscuous = 0x100;          // IFF_PROMISC, include/uapi/linux/if.h
constexpr std::uint32_t kMembershipPromiscuous = 1;    // PACKET_MR_PROMISC, include/uapi/linux/if_packet.h
constexpr std::uint64_t kMaxPacketSockets = 1u << 16;  // of one namespace
constexpr unsigned kMaxMemberships = 4096;             // of one socket

/// Counts packet sockets that made an interface of their namespace promiscuous (struct packet_mclist).
class Memberships {
 public:
  explicit Memberships(Kernel& kernel)
      : kernel_(kernel),
        entry_(kernel, "packet_mclist"),
        next_(entry_.add("next")),
        interface_(entry_.add("ifindex")),
        type_(entry_.add("type")) {}

  Result<void> lay_out() {
    if (!entry_.missing().empty()) return fail(entry_.missing().front());
    RINGSIDE_TRY(list_, kernel_.field("net", "packet.sklist"));
    RINGSIDE_TRY(link_, kernel_.field("sock_common", "skc_node"));
    RINGSIDE_TRY(memberships_, kernel_.field("packet_sock", "mclist"));
    return {};
  }

  Result<void> count(const NetNamespace& space) {
    std::optional<Error> broken;
    RINGSIDE_CHECK(walk_hlist(kernel_, space.gva + list_.offset, kMaxPacketSockets, [&](Gva node) {
      if (auto done = count_of(Gva{node - Gva{link_.offset}}, space.number); !done) broken = done.error();
      return true;
    }));
    if (broken) return fail(std::move(*broken));
    return {};
  }
  std::uint32_t of(std::optional<std::uint32_t> netns, std::uint32_t index) const {
    const auto found = counts_.find({netns.value_or(0), index});
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  Result<void> count_of(Gva sk, std::optional<std::uint32_t> netns) {
    RINGSIDE_TRY(Gva at, kernel_.read_pointer_field(sk, memberships_));
    for (unsigned seen = 0; at != Gva{0}; ++seen) {
      if (seen == kMaxMemberships)
        return fail(Errc::out_of_bounds, "the memberships of a packet socket do not end");
      RINGSIDE_CHECK(entry_.read(at));
      if (entry_.u32(type_) == kMembershipPromiscuous)
        ++counts_[{netns.value_or(0), entry_.u32(interface_).value_or(0)}];
      at = entry_.pointer(next_).value_or(Gva{0});
    }
    return {};
  }

  Kernel& kernel_;
  ObjectReader entry_;
  ObjectReader::Member next_, interface_, type_;
  Field list_, link_, memberships_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> counts_;  ///< by netns and index
};

}  // namespace

Result<Listing<PromiscuousInterface>> promiscuous_interfaces(Kernel& kernel) {
  RINGSIDE_TRY(const auto all, interfaces(kernel));
  RINGSIDE_TRY(const auto spaces, net_namespaces(kernel));
  Listing<PromiscuousInterface> listing;
  for (const Error& error : all.problems) listing.problem(error);
  Memberships memberships(kernel);
  auto counted = memberships.lay_out();
  for (const NetNamespace& space : spaces.entries)
    if (counted) counted = memberships.count(space);
  if (!counted) listing.problem(counted.error().within("packet sockets"));

  ObjectReader device(kernel, "net_device");
  const auto global_flags = device.add("gflags");
  for (const Error& error : device.missing()) listing.problem(error);
  const auto uppers = kernel.field("net_device", "adj_list.upper");
  if (!uppers) listing.problem(uppers.error());
  for (const NetInterface& interface : all.entries) {
    PromiscuousInterface found;
    if (interface.flags) found.flag = (*interface.flags & kPromiscuous) != 0;
    found.promiscuity = interface.promiscuity;
    if (found.flag == false && found.promiscuity == 0u) continue;
    found.gva = interface.gva;
    found.name = interface.name;
    found.index = interface.index;
    found.netns = interface.netns;
    found.packet_sockets = memberships.of(interface.netns, interface.index);
    if (auto read = device.read(interface.gva); !read)
      listing.problem(read.error().within("interface " + interface.name));
    else if (const auto flags = device.u32(global_flags))
      found.by_user = (*flags & kPromiscuous) != 0;
    if (uppers) {
      const Gva head = interface.gva + uppers->offset;
      if (const auto first = kernel.read_pointer(head)) found.has_upper = *first != head;
    }
    listing.entries.push_back(std::move(found));
  }
  return listing;
}

}  // namespace ringside::guest::linux
