// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/hash_buckets.h"
#include "guest/linux/kernel.h"
#include "guest/linux/net_namespaces.h"

#include <functional>
#include <set>
#include <vector>

namespace ringside::guest::linux {

/// A walk over the tables in which the protocols keep their sockets. Some are global, some belong to a
/// namespace, and which of them changed over time; a table that several namespaces share is walked once.
class SocketTables {
 public:
  /// `found` gets each struct sock, perhaps several times, and returns false to stop.
  SocketTables(Kernel& kernel, const std::vector<NetNamespace>& namespaces, Visit found,
               std::function<void(Error)> problem);

  void walk_tcp();
  void walk_udp();  ///< UDP-Lite too
  void walk_raw();  ///< ping sockets too
  void walk_unix();
  void walk_packet();  ///< XDP sockets too
  void walk_netlink();
  void walk_all();

 private:
  // Each returns why a table could not be walked at all.
  Result<void> tcp_table(Gva hashinfo);
  Result<void> udp_table(Gva table);
  Result<void> raw_table(std::string_view symbol, std::string_view type, std::string_view member);
  Result<void> unix_tables();
  Result<void> netlink_tables();
  Result<void> netlink_table(Gva hash);
  Result<void> per_namespace_list(std::string_view member);

  /// Where struct net holds a pointer or a list, for each namespace.
  std::vector<Gva> in_namespaces(const Field& field) const;
  /// `node`: the member of struct `type` by which its sockets hang in the table.
  Result<void> walk(const HashBuckets& buckets, std::string_view type, std::string_view node);
  bool first_time(Gva table) { return walked_.insert(table.value).second; }
  void report(std::string_view what, const Result<void>& done);

  Kernel& kernel_;
  const std::vector<NetNamespace>& namespaces_;
  Visit found_;
  std::function<void(Error)> problem_;
  std::set<std::uint64_t> walked_;
};

}  // namespace ringside::guest::linux
