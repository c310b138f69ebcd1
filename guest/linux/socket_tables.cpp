// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/socket_tables.h"

#include "guest/linux/sockets.h"

#include <utility>

namespace ringside::guest::linux {

SocketTables::SocketTables(Kernel& kernel, const std::vector<NetNamespace>& namespaces, Visit found,
                           std::function<void(Error)> problem)
    : kernel_(kernel), namespaces_(namespaces), found_(std::move(found)), problem_(std::move(problem)) {}

void SocketTables::walk_all() {
  walk_tcp();
  walk_udp();
  walk_raw();
  walk_unix();
  walk_packet();
  walk_netlink();
}

std::vector<Gva> SocketTables::in_namespaces(const Field& field) const {
  std::vector<Gva> places;
  for (const auto& space : namespaces_) places.push_back(space.gva + field.offset);
  return places;
}

Result<void> SocketTables::walk(const HashBuckets& buckets, std::string_view type, std::string_view node) {
  RINGSIDE_TRY(const Field hook, kernel_.field(type, node));
  walk_buckets(
      kernel_, buckets, kMaxSockets, [&](Gva at) { return found_(Gva{at.value - hook.offset}); }, problem_);
  return {};
}

void SocketTables::report(std::string_view what, const Result<void>& done) {
  if (!done) problem_(done.error().within(what));
}

}  // namespace ringside::guest::linux
