// SPDX-License-Identifier: Apache-2.0
// Storms of sockets of all families that a guest has.
#define _GNU_SOURCE
#include "busy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listener(int family, struct sockaddr_storage* address, socklen_t* size) {
  memset(address, 0, sizeof *address);
  address->ss_family = (sa_family_t)family;
  *size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  if (family == AF_INET)
    ((struct sockaddr_in*)address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else
    ((struct sockaddr_in6*)address)->sin6_addr = in6addr_loopback;
  const int fd = check(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  check(bind(fd, (struct sockaddr*)address, *size), "bind");
  check(getsockname(fd, (struct sockaddr*)address, size), "getsockname");
  check(listen(fd, 16), "listen");
  return fd;
}

static void tcp_round(unsigned number) {
  struct sockaddr_storage address;
  socklen_t size;
  const int family = number % 3 == 2 ? AF_INET6 : AF_INET;
  const int fd = listener(family, &address, &size);
  for (int i = 0; i < 12; ++i) {
    const int client = check(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const struct linger hard = {1, 0};
    if (i % 2) setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    check(connect(client, (struct sockaddr*)&address, size), "connect");
    if (i % 3 != 2) {
      const int server = check(accept4(fd, NULL, NULL, SOCK_CLOEXEC), "accept");
      if (write(client, "busy", 4) == 4 && i % 2 == 0) shutdown(client, SHUT_WR);
      close(server);
    }
    close(client);
  }
}

/// Datagrams, with options that turn static keys on (net/core/sock.c: time stamps; net/ipv4/udp.c:
/// encapsulation).
static void udp_round(unsigned number) {
  int sockets[8];
  for (int i = 0; i < 8; ++i) {
    sockets[i] = check(socket(i % 2 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    const int stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, on = 1;
    if (i % 3 == 0) setsockopt(sockets[i], SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps);
    if (i % 3 == 1) setsockopt(sockets[i], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on);
    const int espinudp = 2;
    if (i % 4 == 2) setsockopt(sockets[i], IPPROTO_UDP, 100 /* UDP_ENCAP */, &espinudp, sizeof espinudp);
    struct sockaddr_in6 any = {.sin6_family = i % 2 ? AF_INET6 : AF_INET};
    check(bind(sockets[i], (struct sockaddr*)&any, i % 2 ? sizeof any : sizeof(struct sockaddr_in)), "bind");
  }
  usleep(10000 * (number % 4));
}

static void packet_round(unsigned number) {
  const int fd = offered(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x0003)), "packet sockets");
  struct sockaddr_ll device = {.sll_family = AF_PACKET, .sll_protocol = htons(0x0003)};
  device.sll_ifindex = (int)if_nametoindex("lo");
  check(bind(fd, (struct sockaddr*)&device, sizeof device), "bind");
  struct packet_mreq promiscuous = {.mr_ifindex = device.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
  check(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous),
        "PACKET_MR_PROMISC");
  // A filter of classic BPF, as tcpdump sets it.
  struct sock_filter accept[8];
  for (int i = 0; i < 7; ++i) accept[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12);
  accept[7] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffff);
  const struct sock_fprog program = {8, accept};
  check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), "SO_ATTACH_FILTER");
  const int fanout = (int)(number % 100) | PACKET_FANOUT_HASH << 16;
  setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof fanout);
  usleep(20000);
  if (number % 2)
    check(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &promiscuous, sizeof promiscuous), "drop");
}

/// Local sockets, one handed over inside of another and closed meanwhile.
static void unix_round(unsigned number) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const int length =
      snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "busy-%d-%u", (int)getpid(), number);
  const socklen_t size = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)length;
  const int server = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  check(bind(server, (struct sockaddr*)&address, size), "bind");
  check(listen(server, 5), "listen");
  for (int i = 0; i < 8; ++i) {
    const int client = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    check(connect(client, (struct sockaddr*)&address, size), "connect");
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
    char byte = '+';
    struct iovec data = {&byte, 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &pair[0], sizeof(int));
    check((int)sendmsg(client, &message, 0), "SCM_RIGHTS");
    close(pair[0]);
    close(pair[1]);
    if (i % 2) close(check(accept4(server, NULL, NULL, SOCK_CLOEXEC), "accept"));
    close(client);
  }
}

static void other_families_round(unsigned number) {
  const struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = 1u << number % 5};
  for (int protocol = 0; protocol < 20; ++protocol) {
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd >= 0) bind(fd, (const struct sockaddr*)&groups, sizeof groups);
  }
  for (int protocol = 1; protocol < 8; ++protocol) socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protocol);
  struct sockaddr_alg hash = {.salg_family = AF_ALG, .salg_type = "hash", .salg_name = "sha256"};
  static const char* const kHashes[] = {"sha256", "sha1", "md4", "rmd160", "wp512", "michael_mic"};
  strcpy((char*)hash.salg_name, kHashes[number % 6]);
  const int algorithm = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (algorithm >= 0 && bind(algorithm, (struct sockaddr*)&hash, sizeof hash) == 0) {
    const int operation = accept4(algorithm, NULL, NULL, SOCK_CLOEXEC);
    char digest[64];
    if (operation >= 0 && write(operation, "busy", 4) == 4 && read(operation, digest, sizeof digest) < 0)
      return;
  }
  const int sctp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);
  if (sctp >= 0) listen(sctp, 3);
  static const char* const kCongestion[] = {"bbr", "vegas", "westwood", "htcp", "cubic", "reno"};
  const int tcp = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, kCongestion[number % 6],
             (socklen_t)strlen(kCongestion[number % 6]));
}

const struct Storm kSocketStorms[] = {
    {"tcp", tcp_round, 50},
    {"udp", udp_round, 50},
    {"packet-sockets", packet_round, 50},
    {"unix-sockets", unix_round, 50},
    {"other-sockets", other_families_round, 200},
    {NULL, NULL, 0},
};
