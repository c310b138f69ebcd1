// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/sockets.h"
#include "tests/unit/support/fake_kernel.h"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside::testing {

/// A kernel with network namespaces, sockets in the tables of their protocols, and processes that have some
/// of them open; in a layout that no release has. Put together what a test is about, then finish().
class NetWorld {
 public:
  using Gva = guest::Gva;
  /// Where tables belong: to namespaces, or (older) to all of them together.
  enum class Tables { per_namespace, global };

  // Offsets, in bytes.
  struct Sock {
    static constexpr std::uint32_t remote4 = 0, local4 = 4, remote_port = 12, number = 14, family = 16,
                                   state = 18, interface = 20, by_address = 24, net = 48, remote6 = 56,
                                   local6 = 72, node = 104, received = 140, sent = 144, type = 148,
                                   protocol = 150, uid = 152, socket = 160, backlog = 168, max_backlog = 172,
                                   size = 176, listen_node = 176, written = 200, acknowledged = 204,
                                   expected = 208, copied = 212, deficit = 200, address = 200, peer = 208,
                                   packet_protocol = 200, packet_interface = 204, memberships = 208,
                                   port_id = 200, peer_port_id = 204, netlink_node = 208, full_size = 256;
  };
  struct Net {
    static constexpr std::uint32_t users = 0, list = 16, inum = 40, devices = 48, tcp = 64, udp = 72,
                                   unix_buckets = 80, packets = 88, xdp = 96, size = 128;
  };
  struct Device {
    static constexpr std::uint32_t list = 8, name = 32, index = 48, address = 56, address_length = 64,
                                   mtu = 68, flags = 72, type = 76, promiscuity = 80, size = 96;
  };
  struct Process {
    static constexpr std::uint32_t flags = 0, tasks = 8, thread_node = 24, signal = 40, pid = 48, tgid = 52,
                                   comm = 56, files = 72, nsproxy = 80, mm = 88, fs = 96, cred = 104,
                                   real_cred = 112, size = 128;
  };
  static constexpr std::uint64_t kBuckets = 4, kUnixBuckets = 512;

  explicit NetWorld(Tables tables = Tables::per_namespace) : older_(tables == Tables::global) {
    describe();
    init_task_ = kernel.define_variable("init_task", Process::size);
    net_list_ = kernel.define_variable("net_namespace_list", 16);
    kernel.define("socket_file_ops", socket_operations_ = kernel.allocate(64));
    tcp_ = older_ ? kernel.define_variable("tcp_hashinfo", 128) : kernel.allocate(128);
    udp_ = older_ ? kernel.define_variable("udp_table", 32) : kernel.allocate(32);
    raw4_ = kernel.define_variable("raw_v4_hashinfo", 64);
    raw6_ = kernel.define_variable("raw_v6_hashinfo", 64);
    ping_ = kernel.define_variable("ping_table", 64);
    if (older_) unix_ = kernel.define_variable("unix_socket_table", kUnixBuckets * 8);
    connections_ = buckets(8, 0);
    listeners_ = buckets(16, 8);
    udp_slots_ = buckets(16, 0, false);
    udp_slots2_ = buckets(older_ ? 16 : 32, 0, false);
    kernel.put_pointer(tcp_, connections_.value);
    kernel.put(tcp_ + 8, std::uint32_t{kBuckets - 1});
    kernel.put_pointer(tcp_ + 16, listeners_.value);
    kernel.put(tcp_ + 24, std::uint32_t{kBuckets - 1});
    for (std::uint64_t i = 0; i < kBuckets; ++i) kernel.put_pointer(tcp_ + (40 + 16 * i), nulls(i));
    kernel.put_pointer(udp_, udp_slots_.value);
    kernel.put_pointer(udp_ + 8, udp_slots2_.value);
    kernel.put(udp_ + 16, std::uint32_t{kBuckets - 1});
    const Gva protocols = kernel.allocate(32 * 16);
    kernel.put_pointer(kernel.define_variable("nl_table", 8), protocols.value);
    for (std::uint64_t i = 0; i < 32; ++i) {
      netlink_.push_back(kernel.allocate(32 + 8 * kBuckets));
      kernel.put_pointer(protocols + 16 * i, netlink_.back().value);
      kernel.put(netlink_.back(), std::uint32_t{kBuckets});
    }
    init_net = add_namespace(4026531840);
  }

  Gva add_namespace(std::uint32_t number) {
    const Gva net = kernel.allocate(Net::size);
    kernel.put(net + Net::inum, number);
    kernel.put_pointer(net + Net::tcp, tcp_.value);
    kernel.put_pointer(net + Net::udp, udp_.value);
    unix_tables_.push_back(older_ ? unix_ : kernel.allocate(kUnixBuckets * 8));
    kernel.put_pointer(net + Net::unix_buckets, unix_tables_.back().value);
    nets_.push_back(net);
    devices_.emplace_back();
    return net;
  }
  /// In the namespace that was added last.
  Gva add_device(std::string_view name, std::uint32_t index, std::uint32_t promiscuity = 0) {
    const Gva device = kernel.allocate(Device::size), address = kernel.allocate(6);
    kernel.put_string(device + Device::name, name);
    kernel.put(device + Device::index, index);
    kernel.put(address, std::uint32_t{0x12005452});
    kernel.put_pointer(device + Device::address, address.value);
    kernel.put(device + Device::address_length, std::uint8_t{6});
    kernel.put(device + Device::mtu, std::uint32_t{1500});
    kernel.put(device + Device::flags, std::uint32_t{promiscuity != 0 ? 0x1103u : 0x1003u});
    kernel.put(device + Device::type, std::uint16_t{1});
    kernel.put(device + Device::promiscuity, promiscuity);
    devices_.back().push_back(device + Device::list);
    return device;
  }
  /// A struct sock that stands in no table, with an inode of that number (0: none).
  Gva add_sock(std::uint16_t family, std::uint16_t type, std::uint16_t protocol, std::uint8_t state,
               std::uint64_t inode = 0) {
    const Gva sk = kernel.allocate(Sock::full_size);
    kernel.put(sk + Sock::family, family);
    kernel.put(sk + Sock::type, type);
    kernel.put(sk + Sock::protocol, protocol);
    kernel.put(sk + Sock::state, state);
    kernel.put(sk + Sock::sent, std::uint32_t{1});
    kernel.put_pointer(sk + Sock::net, init_net.value);
    if (inode != 0) {
      const Gva socket = kernel.allocate(64);  // struct socket_alloc
      kernel.put_pointer(socket + 8, sk.value);
      kernel.put(socket + 32, inode);
      kernel.put_pointer(sk + Sock::socket, socket.value);
    }
    return sk;
  }
  void set_ip4(Gva sk, std::uint32_t local, std::uint16_t port, std::uint32_t remote = 0,
               std::uint16_t remote_port = 0) {
    kernel.put(sk + Sock::local4, swapped(local));
    kernel.put(sk + Sock::remote4, swapped(remote));
    kernel.put(sk + Sock::number, port);
    kernel.put(sk + Sock::remote_port, static_cast<std::uint16_t>(remote_port >> 8 | remote_port << 8));
  }

  // Into the tables.
  void into_connections(Gva sk) { push(connections_ + 8 * (sk.value >> 8) % kBuckets, sk + Sock::node); }
  void into_listeners(Gva sk) {
    const std::uint64_t bucket = 16 * ((sk.value >> 8) % kBuckets) + 8;
    push(listeners_ + bucket, sk + (older_ ? Sock::listen_node : Sock::node));
    if (older_) push(tcp_ + (32 + bucket), sk + Sock::node);
  }
  void into_udp(Gva sk) { push(udp_slots_ + 16 * ((sk.value >> 8) % kBuckets), sk + Sock::node); }
  void into_udp_by_address(Gva sk) { push(udp_slots2_, sk + Sock::by_address); }
  void into_raw(Gva sk, bool v6 = false) { push((v6 ? raw6_ : raw4_) + 8, sk + Sock::node); }
  void into_ping(Gva sk) { push(ping_, sk + Sock::node); }
  void into_unix(Gva sk, std::size_t net = 0) { push(unix_tables_[net] + 8 * 17, sk + Sock::node); }
  void into_packets(Gva sk, Gva net) { push(net + Net::packets, sk + Sock::node); }
  void into_netlink(Gva sk, std::size_t protocol) {
    push(netlink_[protocol] + 32, sk + Sock::netlink_node, std::uint64_t{1});
  }
  Gva netlink_table(std::size_t protocol) const { return netlink_[protocol]; }
  Gva connections() const { return connections_; }
  Gva tcp_table() const { return tcp_; }
  Gva net(std::size_t index) const { return nets_[index]; }

  /// A process with room for 64 descriptors.
  Gva add_process(std::int32_t pid, std::string_view comm) {
    const Gva task = kernel.allocate(Process::size), signal = kernel.allocate(32);
    kernel.put(task + Process::pid, pid);
    kernel.put(task + Process::tgid, pid);
    kernel.put_string(task + Process::comm, comm);
    kernel.put_pointer(task + Process::signal, signal.value);
    kernel.put_list(signal + 8, std::vector{task + Process::thread_node});
    kernel.put(signal + 24, std::int32_t{1});
    const Gva files = kernel.allocate(64), table = kernel.allocate(32);
    kernel.put_pointer(files + 8, table.value);
    kernel.put(table, std::uint32_t{64});
    descriptors_[task.value] = kernel.allocate(64 * 8);
    kernel.put_pointer(table + 8, descriptors_[task.value].value);
    kernel.put_pointer(table + 16, kernel.allocate(8).value);
    kernel.put_pointer(table + 24, kernel.allocate(8).value);
    kernel.put_pointer(task + Process::files, files.value);
    tasks_.push_back(task + Process::tasks);
    return task;
  }
  void open(Gva task, std::uint32_t fd, Gva sk) {
    const Gva file = kernel.allocate(64), socket = kernel.allocate(64), super_block = kernel.allocate(16);
    kernel.put_pointer(socket + 8, sk.value);
    kernel.put_pointer(file, (socket + 24).value);  // its inode stands beside it
    kernel.put_pointer(file + 8, socket_operations_.value);
    kernel.put_pointer(file + 16, socket.value);
    kernel.put_pointer(socket + (24 + 24), super_block.value);
    kernel.put_pointer(descriptors_.at(task.value) + 8 * std::uint64_t{fd}, file.value);
  }
  /// Writes the lists.
  void finish() {
    kernel.put_list(init_task_ + Process::tasks, tasks_);
    std::vector<Gva> nodes;
    for (std::size_t i = 0; i < nets_.size(); ++i) {
      nodes.push_back(nets_[i] + Net::list);
      kernel.put_list(nets_[i] + Net::devices, devices_[i]);
    }
    kernel.put_list(net_list_, nodes);
  }

  FakeKernel kernel;
  Gva init_net;

 private:
  static std::uint64_t nulls(std::uint64_t bucket) { return bucket << 1 | 1; }
  static std::uint32_t swapped(std::uint32_t address) { return __builtin_bswap32(address); }
  /// Empty chains, which end in nulls markers or in NULL.
  Gva buckets(std::uint32_t stride, std::uint32_t head, bool with_nulls = true) {
    const Gva first = kernel.allocate(kBuckets * stride);
    for (std::uint64_t i = 0; i < kBuckets; ++i)
      heads_[(first + (i * stride + head)).value] = with_nulls ? nulls(i) : 0;
    for (const auto& [head_at, value] : heads_) kernel.put_pointer(Gva{head_at}, value);
    return first;
  }
  void push(Gva head, Gva node, std::uint64_t lock = 0) {
    auto& first = heads_[head.value];
    // In a table of netlink sockets an empty chain is NULL in its head, and ends in a marker.
    kernel.put_pointer(node, first == 0 && lock != 0 ? nulls(0) : first & ~lock);
    first = node.value | lock;
    kernel.put_pointer(head, first);
  }
  void describe();

  bool older_;
  Gva init_task_, net_list_, socket_operations_, tcp_, udp_, raw4_, raw6_, ping_, unix_, connections_,
      listeners_, udp_slots_, udp_slots2_;
  std::vector<Gva> netlink_, unix_tables_, nets_, tasks_;
  std::vector<std::vector<Gva>> devices_;
  std::map<std::uint64_t, Gva> descriptors_;
  std::map<std::uint64_t, std::uint64_t> heads_;
};

inline void NetWorld::describe() {
  auto& btf = kernel.btf_writer();
  const auto s32 = btf.integer("int", 4, true), u32 = btf.integer("unsigned int", 4),
             u16 = btf.integer("short", 2), u8 = btf.integer("unsigned char", 1),
             u64 = btf.integer("unsigned long", 8);
  const auto pointer = btf.pointer(0),
             list = btf.struct_("list_head", 16, {{"next", pointer, 0}, {"prev", pointer, 64}}),
             node = btf.struct_("hlist_node", 16, {{"next", pointer, 0}, {"pprev", pointer, 64}}),
             head = btf.struct_("hlist_head", 8, {{"first", pointer, 0}}),
             atomic = btf.struct_("atomic_t", 4, {{"counter", s32, 0}}),
             in6 = btf.struct_("in6_addr", 16, {{"low", u64, 0}, {"high", u64, 64}}),
             net_t = btf.struct_("possible_net_t", 8, {{"net", pointer, 0}}), comm = btf.array(u8, 16),
             chains = btf.array(head, kBuckets), no_pointers = btf.array(pointer, 0);
  const auto add = [&](std::string_view name, std::uint32_t size, std::vector<BtfWriter::Member> members) {
    for (auto& member : members) member.bits *= 8;
    return btf.struct_(name, size, members);
  };
  using S = Sock;
  // Both are one and the same place.
  const auto nodes = btf.union_("", 16, {{"skc_node", node, 0}, {"skc_nulls_node", node, 0}});
  add("sock_common", 136,
      {{"skc_daddr", u32, S::remote4},
       {"skc_rcv_saddr", u32, S::local4},
       {"skc_dport", u16, S::remote_port},
       {"skc_num", u16, S::number},
       {"skc_family", u16, S::family},
       {"skc_state", u8, S::state},
       {"skc_bound_dev_if", s32, S::interface},
       {"skc_portaddr_node", node, S::by_address},
       {"skc_net", net_t, S::net},
       {"skc_v6_daddr", in6, S::remote6},
       {"skc_v6_rcv_saddr", in6, S::local6},
       {"", nodes, S::node}});
  const auto backlog = add("", 8, {{"rmem_alloc", atomic, 4}});
  add("sock", S::size,
      {{"sk_backlog", backlog, S::received - 4},
       {"sk_wmem_alloc", atomic, S::sent},
       {"sk_type", u16, S::type},
       {"sk_protocol", u16, S::protocol},
       {"sk_uid", u32, S::uid},
       {"sk_socket", pointer, S::socket},
       {"sk_ack_backlog", u32, S::backlog},
       {"sk_max_ack_backlog", u32, S::max_backlog}});
  add("inet_connection_sock", S::full_size, {{"icsk_listen_portaddr_node", node, S::listen_node}});
  add("tcp_sock", S::full_size,
      {{"write_seq", u32, S::written},
       {"snd_una", u32, S::acknowledged},
       {"rcv_nxt", u32, S::expected},
       {"copied_seq", u32, S::copied}});
  add("udp_sock", S::full_size, {{"forward_deficit", s32, S::deficit}});
  add("unix_sock", S::full_size, {{"addr", pointer, S::address}, {"peer", pointer, S::peer}});
  add("unix_address", 8, {{"len", s32, 4}, {"name", no_pointers, 8}});
  add("packet_sock", S::full_size,
      {{"num", u16, S::packet_protocol},
       {"ifindex", s32, S::packet_interface},
       {"mclist", pointer, S::memberships}});
  add("packet_mclist", 16, {{"next", pointer, 0}, {"type", u16, 8}});
  const auto rhash_head = add("rhash_head", 8, {{"next", pointer, 0}});
  add("netlink_sock", S::full_size,
      {{"portid", u32, S::port_id},
       {"dst_portid", u32, S::peer_port_id},
       {"node", rhash_head, S::netlink_node}});
  const auto inode = add("inode", 40,
                         {{"i_ino", u64, 8},
                          {"i_mode", u16, 16},
                          {"i_sb", pointer, 24},
                          {"i_rdev", u32, 0},
                          {"i_mapping", pointer, 32}});
  const auto socket = add("socket", 16, {{"sk", pointer, 8}});
  add("socket_alloc", 64, {{"socket", socket, 0}, {"vfs_inode", inode, 24}});
  add("inet_ehash_bucket", 8, {{"chain", head, 0}});
  const auto bucket = add("inet_listen_hashbucket", 16, {{"nulls_head", head, 8}}),
             buckets_of = btf.array(bucket, kBuckets);
  std::vector<BtfWriter::Member> hashinfo = {
      {"ehash", pointer, 0}, {"ehash_mask", u32, 8}, {"lhash2", pointer, 16}, {"lhash2_mask", u32, 24}};
  if (older_) hashinfo.push_back({"listening_hash", buckets_of, 32});
  add("inet_hashinfo", 128, hashinfo);
  add("udp_hslot", 16, {{"head", head, 0}});
  if (!older_) add("udp_hslot_main", 32, {{"hash4", pointer, 16}});
  add("udp_table", 32, {{"hash", pointer, 0}, {"hash2", pointer, 8}, {"mask", u32, 16}});
  add("raw_hashinfo", 64, {{"ht", chains, 8}});
  add("ping_table", 64, {{"hash", chains, 0}});
  const auto rhashtable = add("rhashtable", 16, {{"tbl", pointer, 0}});
  add("netlink_table", 16, {{"hash", rhashtable, 0}});
  add("bucket_table", 32,
      {{"size", u32, 0}, {"nest", u32, 4}, {"future_tbl", pointer, 8}, {"buckets", no_pointers, 32}});
  const auto ns = add("ns_common", 8, {{"inum", u32, 0}}), death_row = add("", 8, {{"hashinfo", pointer, 0}}),
             ipv4 = older_ ? add("", 16, {{"unused", pointer, 0}})
                           : add("", 16, {{"tcp_death_row", death_row, 0}, {"udp_table", pointer, 8}}),
             unix_table = add("", 8, {{"buckets", pointer, 0}}),
             unx = older_ ? add("", 8, {{"unused", pointer, 0}}) : add("", 8, {{"table", unix_table, 0}}),
             packet = add("", 8, {{"sklist", head, 0}}), xdp = add("", 8, {{"list", head, 0}});
  add("net", Net::size,
      {{"count", btf.struct_("refcount_t", 4, {{"refs", atomic, 0}}), Net::users},
       {"list", list, Net::list},
       {"ns", ns, Net::inum},
       {"dev_base_head", list, Net::devices},
       {"ipv4", ipv4, Net::tcp},
       {"unx", unx, Net::unix_buckets},
       {"packet", packet, Net::packets},
       {"xdp", xdp, Net::xdp}});
  add("net_device", Device::size,
      {{"dev_list", list, Device::list},
       {"name", comm, Device::name},
       {"ifindex", s32, Device::index},
       {"dev_addr", pointer, Device::address},
       {"addr_len", u8, Device::address_length},
       {"mtu", u32, Device::mtu},
       {"flags", u32, Device::flags},
       {"type", u16, Device::type},
       {"promiscuity", u32, Device::promiscuity}});
  using P = Process;
  add("task_struct", P::size,
      {{"flags", u32, P::flags},
       {"tasks", list, P::tasks},
       {"thread_node", list, P::thread_node},
       {"signal", pointer, P::signal},
       {"pid", s32, P::pid},
       {"tgid", s32, P::tgid},
       {"comm", comm, P::comm},
       {"files", pointer, P::files},
       {"nsproxy", pointer, P::nsproxy},
       {"mm", pointer, P::mm},
       {"fs", pointer, P::fs},
       {"cred", pointer, P::cred},
       {"real_cred", pointer, P::real_cred}});
  add("signal_struct", 32, {{"thread_head", list, 8}, {"nr_threads", s32, 24}});
  add("files_struct", 64, {{"fdt", pointer, 8}});
  add("fdtable", 32,
      {{"max_fds", u32, 0}, {"fd", pointer, 8}, {"close_on_exec", pointer, 16}, {"open_fds", pointer, 24}});
  add("file", 64,
      {{"f_inode", pointer, 0},
       {"f_op", pointer, 8},
       {"private_data", pointer, 16},
       {"f_flags", u32, 24},
       {"f_mode", u32, 28},
       {"f_pos", u64, 32}});
  add("super_block", 16, {{"s_dev", u32, 0}});
}

}  // namespace ringside::testing
