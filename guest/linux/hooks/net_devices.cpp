// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/net_devices.h"

#include "guest/linux/hooks/network.h"
#include "guest/linux/interfaces.h"
#include "guest/linux/net_namespaces.h"

namespace ringside::guest::linux {

void each_net(Kernel& kernel, Hooks& into,
              const std::function<void(Gva net, std::optional<std::uint32_t> netns)>& visit) {
  const auto spaces = net_namespaces(kernel);
  if (!spaces) return into.problem(spaces.error().within("network namespaces"));
  for (const auto& error : spaces->problems) into.problem(error);
  for (const auto& space : spaces->entries) visit(space.gva, space.number);
}

void each_net_device(Kernel& kernel, Hooks& into,
                     const std::function<void(Gva device, const std::string& name,
                                              std::optional<std::uint32_t> netns)>& visit) {
  const auto head = kernel.offset("net", "dev_base_head"), name = kernel.offset("net_device", "name");
  if (!head || !name) return into.problem((!head ? head.error() : name.error()).within("network interfaces"));
  constexpr std::size_t kNameSize = 16;  // IFNAMSIZ
  each_net(kernel, into, [&](Gva net, std::optional<std::uint32_t> netns) {
    each_in_list(
        kernel, net + *head, "net_device", "dev_list", "network interfaces", into,
        [&](Gva device) { visit(device, text_at(kernel, device + *name, kNameSize), netns); },
        kMaxInterfaces);
  });
}

Result<Hooks> device_operations(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  HookReader device(kernel, "net_device"), program(kernel, "bpf_prog");
  for (const char* table :
       {"netdev_ops", "ethtool_ops", "header_ops", "rtnl_link_ops", "l3mdev_ops", "ndisc_ops", "xfrmdev_ops",
        "tlsdev_ops", "dcbnl_ops", "stat_ops", "queue_mgmt_ops"})
    device.add(table, {table}, Hook::Kind::table);
  device.add("rx_handler", {"rx_handler"});
  device.add("priv_destructor", {"priv_destructor"});
  const auto xdp = device.object().add("xdp_prog", ObjectReader::Presence::optional);
  program.add("xdp_prog", {"bpf_func"});
  if (device.problem()) return fail(device.problem()->within("network interfaces"));
  each_net_device(kernel, hooks, [&](Gva at, const std::string& name, std::optional<std::uint32_t> netns) {
    Hook like;
    like.group = name;
    like.netns = netns;
    if (auto read = device.read(at); !read)
      return hooks.problem(read.error().within("network interface " + name));
    device.append(like, hooks);
    const Gva attached = device.object().pointer(xdp).value_or(Gva{0});
    if (attached.value == 0 || program.problem()) return;
    if (auto read = program.read(attached); !read)
      return hooks.problem(read.error().within("XDP program of interface " + name));
    program.append(like, hooks);
  });
  return hooks;
}

}  // namespace ringside::guest::linux
