// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/interfaces.h"

#include "guest/linux/ip_address.h"
#include "guest/linux/net_namespaces.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <array>
#include <span>

namespace ringside::guest::linux {

namespace {

class InterfaceReader {
 public:
  using Presence = ObjectReader::Presence;
  explicit InterfaceReader(Kernel& kernel)
      : kernel_(kernel),
        device_(kernel, "net_device"),
        name_(device_.add("name")),
        index_(device_.add("ifindex")),
        address_(device_.add("dev_addr")),
        address_length_(device_.add("addr_len")),
        mtu_(device_.add("mtu")),
        flags_(device_.add("flags")),
        type_(device_.add("type")),
        promiscuity_(device_.add("promiscuity")) {}

  Result<void> usable() const {
    if (!device_.has(name_) || !device_.has(index_)) return fail(device_.missing().front());
    return {};
  }
  const std::vector<Error>& missing() const { return device_.missing(); }

  Result<NetInterface> read(Gva device, const std::function<void(Error)>& problem) {
    RINGSIDE_CHECK(device_.read(device));
    NetInterface found;
    found.gva = device;
    found.name = device_.text(name_).value_or("");
    found.index = device_.u32(index_).value_or(0);
    found.mtu = device_.u32(mtu_);
    found.flags = device_.u32(flags_);
    found.type = device_.u32(type_);
    found.promiscuity = device_.u32(promiscuity_);
    const auto at = device_.pointer(address_);
    const auto length = device_.u32(address_length_);
    if (at && length) {
      auto address = read_address(*at, *length);
      if (address)
        found.address = std::move(*address);
      else
        problem(address.error().within("hardware address of interface " + found.name));
    }
    return found;
  }

 private:
  Result<std::string> read_address(Gva at, std::uint32_t length) {
    constexpr std::uint32_t kMaxAddress = 32;  // MAX_ADDR_LEN, include/linux/netdevice.h
    if (length > kMaxAddress)
      return fail(Errc::out_of_bounds, "it claims " + std::to_string(length) + " bytes");
    if (at.value == 0 || length == 0) return std::string();
    std::array<std::byte, kMaxAddress> bytes{};
    RINGSIDE_CHECK(kernel_.space().read(at, std::span(bytes).first(length)));
    return hardware_address_text(std::span(bytes).first(length));
  }

  Kernel& kernel_;
  ObjectReader device_;
  ObjectReader::Member name_, index_, address_, address_length_, mtu_, flags_, type_, promiscuity_;
};

}  // namespace

Result<Listing<NetInterface>> interfaces(Kernel& kernel) {
  RINGSIDE_TRY(const auto namespaces, net_namespaces(kernel));
  RINGSIDE_TRY(const Field head, kernel.field("net", "dev_base_head"));
  RINGSIDE_TRY(const Field hook, kernel.field("net_device", "dev_list"));
  InterfaceReader reader(kernel);
  RINGSIDE_CHECK(reader.usable());
  Listing<NetInterface> listing;
  const auto problem = [&](Error error) { listing.problem(std::move(error)); };
  for (const auto& error : namespaces.problems) problem(error);
  for (const auto& error : reader.missing()) problem(error);
  for (const auto& space : namespaces.entries) {
    const auto walked =
        walk_list(kernel, space.gva + head.offset, kMaxInterfaces - listing.entries.size(), [&](Gva node) {
          auto found = reader.read(Gva{node.value - hook.offset}, problem);
          if (!found) {
            problem(found.error().within("network interface at " + to_string(node)));
          } else {
            found->netns = space.number;
            listing.entries.push_back(std::move(*found));
          }
          return true;
        });
    if (!walked) problem(walked.error().within("interfaces of a network namespace"));
  }
  return listing;
}

std::string interface_flag_names(std::uint32_t flags) {
  static constexpr std::array<std::string_view, 19> kNames = {
      "UP",        "BROADCAST", "DEBUG",    "LOOPBACK", "POINTOPOINT", "NOTRAILERS", "RUNNING",
      "NOARP",     "PROMISC",   "ALLMULTI", "MASTER",   "SLAVE",       "MULTICAST",  "PORTSEL",
      "AUTOMEDIA", "DYNAMIC",   "LOWER_UP", "DORMANT",  "ECHO"};
  std::string text;
  for (std::size_t bit = 0; bit < kNames.size(); ++bit)
    if ((flags >> bit & 1) != 0) text += (text.empty() ? "" : ",") + std::string(kNames[bit]);
  return text;
}

}  // namespace ringside::guest::linux
