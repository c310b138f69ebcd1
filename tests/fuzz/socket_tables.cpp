// SPDX-License-Identifier: Apache-2.0
// The input is pokes into a small kernel with sockets of every family in two network namespaces: places and
// values. The walks end, and no socket comes twice.
#include "guest/linux/interfaces.h"
#include "guest/linux/sockets.h"
#include "tests/unit/support/net_world.h"
#include "tests/unit/support/pokes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>

namespace {

using ringside::testing::NetWorld;

std::unique_ptr<NetWorld> make(NetWorld::Tables tables) {
  auto world = std::make_unique<NetWorld>(tables);
  const auto inner = world->add_namespace(4026532200);
  world->add_device("eth0", 2, 1);
  const auto listener = world->add_sock(2, 1, 6, 10, 700), connection = world->add_sock(10, 1, 6, 1, 701),
             waiting = world->add_sock(2, 0, 0, 6), udp = world->add_sock(2, 2, 17, 7, 702),
             raw = world->add_sock(2, 3, 1, 7, 703), local = world->add_sock(1, 1, 0, 10, 704),
             packet = world->add_sock(17, 3, 0, 7, 705), netlink = world->add_sock(16, 3, 0, 7, 706);
  const auto address = world->kernel.allocate(128), membership = world->kernel.allocate(16);
  world->kernel.put(address + 4, std::int32_t{12});
  world->kernel.put_string(address + 10, "/run/lock");
  world->kernel.put_pointer(local + NetWorld::Sock::address, address.value);
  world->kernel.put_pointer(packet + NetWorld::Sock::memberships, membership.value);
  world->into_listeners(listener);
  world->into_connections(connection);
  world->into_connections(waiting);
  world->into_udp(udp);
  world->into_udp_by_address(udp);
  world->into_raw(raw);
  world->into_unix(local);
  world->into_packets(packet, inner);
  world->into_netlink(netlink, 0);
  const auto process = world->add_process(7, "server");
  world->open(process, 3, listener);
  world->open(process, 4, local);
  world->finish();
  return world;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  namespace linux = guest::linux;
  static const auto btf = std::array{make(NetWorld::Tables::per_namespace)->kernel.btf().value(),
                                     make(NetWorld::Tables::global)->kernel.btf().value()};
  const std::size_t older = size % 2;
  const auto world = make(older == 0 ? NetWorld::Tables::per_namespace : NetWorld::Tables::global);
  world->kernel.set_btf(btf[older]);
  constexpr guest::Gva kFirst{0x200000};  // of FakeKernel's objects
  testing::poke(world->kernel, kFirst, 0xc000, std::as_bytes(std::span(data, size)));

  if (const auto sockets = linux::sockets(world->kernel)) {
    std::set<std::uint64_t> seen;
    for (const auto& socket : sockets->entries)
      if (!seen.insert(socket.gva.value).second || (!socket.in_table && !socket.in_file) ||
          (socket.path && socket.path->size() > 109))
        __builtin_trap();
    if (sockets->entries.size() > linux::kMaxSockets) __builtin_trap();
  }
  if (const auto interfaces = linux::interfaces(world->kernel))
    if (interfaces->entries.size() > linux::kMaxInterfaces) __builtin_trap();
  return 0;
}
