// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/socket_tables.h"

namespace ringside::guest::linux {

namespace {

// UNIX_HASH_SIZE chains of bound sockets and as many of others, in one array (include/net/af_unix.h).
constexpr std::uint64_t kUnixChains = 512;
constexpr std::uint64_t kMaxNetlinkProtocols = 32;  // MAX_LINKS, include/uapi/linux/netlink.h

}  // namespace

// One table for all up to 5.19, then one a namespace.
Result<void> SocketTables::unix_tables() {
  HashBuckets buckets;
  buckets.count = kUnixChains;
  buckets.stride = kernel_.pointer_size();
  if (const auto own = kernel_.field("net", "unx.table.buckets")) {
    for (const Gva at : in_namespaces(*own)) {
      RINGSIDE_TRY(buckets.first, kernel_.read_pointer(at));
      if (first_time(buckets.first)) RINGSIDE_CHECK(walk(buckets, "sock_common", "skc_node"));
    }
    return {};
  }
  RINGSIDE_TRY(buckets.first, kernel_.symbol("unix_socket_table"));
  return walk(buckets, "sock_common", "skc_node");
}

void SocketTables::walk_unix() {
  report("unix sockets", unix_tables());
}

/// A list of sockets whose head stands in struct net.
Result<void> SocketTables::per_namespace_list(std::string_view member) {
  RINGSIDE_TRY(const Field list, kernel_.field("net", member));
  HashBuckets one;
  one.count = 1;
  one.stride = kernel_.pointer_size();
  for (const Gva at : in_namespaces(list)) {
    one.first = at;
    RINGSIDE_CHECK(walk(one, "sock_common", "skc_node"));
  }
  return {};
}

void SocketTables::walk_packet() {
  report("packet sockets", per_namespace_list("packet.sklist"));
  if (kernel_.field("net", "xdp.list")) report("XDP sockets", per_namespace_list("xdp.list"));
}

// net/netlink/af_netlink.c: an array of one hash table a protocol (lib/rhashtable.c).
Result<void> SocketTables::netlink_tables() {
  RINGSIDE_TRY(const Gva variable, kernel_.symbol("nl_table"));
  RINGSIDE_TRY(const Types* types, kernel_.types());
  RINGSIDE_TRY(const std::uint64_t size, types->size_of("netlink_table"));
  RINGSIDE_TRY(const Field hash, types->field("netlink_table", "hash"));
  RINGSIDE_TRY(const Gva tables, kernel_.read_pointer(variable));
  for (std::uint64_t protocol = 0; protocol < kMaxNetlinkProtocols; ++protocol)
    report("netlink sockets of protocol " + std::to_string(protocol),
           netlink_table(tables + protocol * size + hash.offset));
  return {};
}

Result<void> SocketTables::netlink_table(Gva hash) {
  RINGSIDE_TRY(const Types* types, kernel_.types());
  RINGSIDE_TRY(const Field first, types->field("rhashtable", "tbl"));
  RINGSIDE_TRY(const Field next, types->field("bucket_table", "future_tbl"));
  RINGSIDE_TRY(const Field size, types->field("bucket_table", "size"));
  RINGSIDE_TRY(const Field nest, types->field("bucket_table", "nest"));
  RINGSIDE_TRY(const Field buckets, types->field("bucket_table", "buckets"));
  RINGSIDE_TRY(Gva table, kernel_.read_pointer_field(hash, first));
  // While it grows or shrinks there are two of them, seldom three.
  constexpr unsigned kMaxTables = 4;
  for (unsigned i = 0; table.value != 0; ++i) {
    if (i == kMaxTables || !first_time(table)) return fail(Errc::malformed, "its hash tables do not end");
    RINGSIDE_TRY(const std::uint64_t count, kernel_.read_field(table, size));
    RINGSIDE_TRY(const std::uint64_t levels, kernel_.read_field(table, nest));
    if (levels != 0) return fail(Errc::unsupported, "its hash table is a nested one");
    RINGSIDE_CHECK(
        walk({table + buckets.offset, count, kernel_.pointer_size(), 0, true}, "netlink_sock", "node"));
    RINGSIDE_TRY(table, kernel_.read_pointer_field(table, next));
  }
  return {};
}

void SocketTables::walk_netlink() {
  report("netlink sockets", netlink_tables());
}

}  // namespace ringside::guest::linux
