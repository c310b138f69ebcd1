// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/socket_tables.h"

namespace ringside::guest::linux {

// include/net/inet_hashtables.h. `ehash` holds connections, those that begin or end included; the listening
// ones stand in `lhash2`. Up to 5.18 these had a node of their own for it, and stood in `listening_hash` as
// well.
Result<void> SocketTables::tcp_table(Gva hashinfo) {
  const auto bucket_table = [&](std::string_view base, std::string_view mask, std::string_view type,
                                std::string_view head) -> Result<HashBuckets> {
    RINGSIDE_TRY(const Field base_field, kernel_.field("inet_hashinfo", base));
    RINGSIDE_TRY(const Field mask_field, kernel_.field("inet_hashinfo", mask));
    RINGSIDE_TRY(const std::uint64_t last, kernel_.read_field(hashinfo, mask_field));
    RINGSIDE_TRY(const Gva first, kernel_.read_pointer_field(hashinfo, base_field));
    RINGSIDE_TRY(const Types* types, kernel_.types());
    RINGSIDE_TRY(const std::uint64_t stride, types->size_of(type));
    RINGSIDE_TRY(const Field head_field, types->field(type, head));
    return HashBuckets{first, last + 1, static_cast<std::uint32_t>(stride), head_field.offset};
  };
  RINGSIDE_TRY(const HashBuckets connections,
               bucket_table("ehash", "ehash_mask", "inet_ehash_bucket", "chain"));
  RINGSIDE_TRY(const HashBuckets listeners,
               bucket_table("lhash2", "lhash2_mask", "inet_listen_hashbucket", "nulls_head"));
  if (first_time(connections.first)) RINGSIDE_CHECK(walk(connections, "sock_common", "skc_nulls_node"));
  const auto older = kernel_.field("inet_hashinfo", "listening_hash");
  if (first_time(listeners.first))
    RINGSIDE_CHECK(older ? walk(listeners, "inet_connection_sock", "icsk_listen_portaddr_node")
                         : walk(listeners, "sock_common", "skc_nulls_node"));
  if (!older || !first_time(hashinfo + older->offset)) return {};
  HashBuckets by_port = listeners;
  by_port.first = hashinfo + older->offset;
  by_port.count = older->count;
  return walk(by_port, "sock_common", "skc_nulls_node");
}

void SocketTables::walk_tcp() {
  std::vector<Gva> tables;
  if (const auto global = kernel_.find_symbol("tcp_hashinfo")) tables.push_back(*global);
  // A namespace may have a table of its own (net.ipv4.tcp_child_ehash_entries, 6.1).
  if (const auto own = kernel_.field("net", "ipv4.tcp_death_row.hashinfo"))
    for (const Gva at : in_namespaces(*own)) {
      const auto table = kernel_.read_pointer(at);
      if (table && table->value != 0)
        tables.push_back(*table);
      else if (!table)
        problem_(table.error().within("TCP sockets of a namespace"));
    }
  if (tables.empty()) return report("TCP sockets", fail(kernel_.symbol("tcp_hashinfo").error()));
  for (const Gva table : tables)
    if (first_time(table)) report("TCP sockets", tcp_table(table));
}

// include/net/udp.h. `hash` is by port; `hash2`, by address and port, is the one that packets are delivered
// by.
Result<void> SocketTables::udp_table(Gva table) {
  RINGSIDE_TRY(const Types* types, kernel_.types());
  RINGSIDE_TRY(const Field by_port, types->field("udp_table", "hash"));
  RINGSIDE_TRY(const Field by_address, types->field("udp_table", "hash2"));
  RINGSIDE_TRY(const Field mask, types->field("udp_table", "mask"));
  RINGSIDE_TRY(const Field head, types->field("udp_hslot", "head"));
  RINGSIDE_TRY(const std::uint64_t slot, types->size_of("udp_hslot"));
  // Slots of `hash2` grew with 6.13.
  const std::uint64_t larger = types->size_of("udp_hslot_main").value_or(slot);
  RINGSIDE_TRY(const std::uint64_t last, kernel_.read_field(table, mask));
  RINGSIDE_TRY(const Gva first, kernel_.read_pointer_field(table, by_port));
  RINGSIDE_TRY(const Gva first2, kernel_.read_pointer_field(table, by_address));
  HashBuckets buckets{first, last + 1, static_cast<std::uint32_t>(slot), head.offset};
  RINGSIDE_CHECK(walk(buckets, "sock_common", "skc_node"));
  buckets.first = first2;
  buckets.stride = static_cast<std::uint32_t>(larger);
  return walk(buckets, "sock_common", "skc_portaddr_node");
}

void SocketTables::walk_udp() {
  std::vector<Gva> tables;
  if (const auto global = kernel_.find_symbol("udp_table")) tables.push_back(*global);
  // A namespace may have a table of its own (net.ipv4.udp_child_hash_entries, 6.2).
  if (const auto own = kernel_.field("net", "ipv4.udp_table"))
    for (const Gva at : in_namespaces(*own)) {
      const auto table = kernel_.read_pointer(at);
      if (table && table->value != 0)
        tables.push_back(*table);
      else if (!table)
        problem_(table.error().within("UDP sockets of a namespace"));
    }
  if (tables.empty()) report("UDP sockets", fail(kernel_.symbol("udp_table").error()));
  // UDP-Lite went with 7.1.
  if (const auto lite = kernel_.find_symbol("udplite_table")) tables.push_back(*lite);
  for (const Gva table : tables)
    if (first_time(table)) report("UDP sockets", udp_table(table));
}

/// A global struct `type` whose `member` is an array of chains.
Result<void> SocketTables::raw_table(std::string_view symbol, std::string_view type,
                                     std::string_view member) {
  RINGSIDE_TRY(const Gva table, kernel_.symbol(symbol));
  RINGSIDE_TRY(const Field chains, kernel_.field(type, member));
  return walk({table + chains.offset, chains.count, chains.element_size, 0}, "sock_common", "skc_node");
}

void SocketTables::walk_raw() {
  report("raw sockets", raw_table("raw_v4_hashinfo", "raw_hashinfo", "ht"));
  report("raw IPv6 sockets", raw_table("raw_v6_hashinfo", "raw_hashinfo", "ht"));
  report("ping sockets", raw_table("ping_table", "ping_table", "hash"));
}

}  // namespace ringside::guest::linux
