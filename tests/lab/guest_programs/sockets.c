// SPDX-License-Identifier: Apache-2.0
// Sockets of every family that /proc/net lists, over the loopback device.
#define _GNU_SOURCE
#include "lab.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union Address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t address_of(union Address* address, int family, const char* host, int port) {
  memset(address, 0, sizeof *address);
  address->any.sa_family = (sa_family_t)family;
  if (family == AF_INET) {
    address->v4.sin_port = htons((in_port_t)port);
    inet_pton(family, host, &address->v4.sin_addr);
    return sizeof address->v4;
  }
  address->v6.sin6_port = htons((in_port_t)port);
  inet_pton(family, host, &address->v6.sin6_addr);
  return sizeof address->v6;
}

static int bound(int family, int type, int protocol, const char* host, int port) {
  union Address address;
  const socklen_t size = address_of(&address, family, host, port);
  const int fd = check(socket(family, type, protocol), "socket");
  const int on = 1;
  if (family == AF_INET6) check(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), "IPV6_V6ONLY");
  check(bind(fd, &address.any, size), "bind");
  return fd;
}

static int listening(int family, const char* host, int port) {
  const int fd = bound(family, SOCK_STREAM, 0, host, port);
  check(listen(fd, 9), "listen");
  return fd;
}

static int connected(int family, int type, const char* host, int port) {
  union Address address;
  const socklen_t size = address_of(&address, family, host, port);
  const int fd = check(socket(family, type, 0), "socket");
  check(connect(fd, &address.any, size), "connect");
  return fd;
}

int role_internet(char** arguments) {
  (void)arguments;
  set_name("lab-internet");
  const int any4 = listening(AF_INET, "0.0.0.0", 8080);
  const int any6 = listening(AF_INET6, "::", 8081);
  listening(AF_INET, "127.0.0.1", 22);
  listening(AF_INET6, "::1", 2222);
  // Established, with bytes waiting; half closed from either end; waiting to be accepted.
  const int client4 = connected(AF_INET, SOCK_STREAM, "127.0.0.1", 8080);
  check(accept(any4, NULL, NULL), "accept");
  check((int)send(client4, "waiting", 7, 0), "send");
  connected(AF_INET6, SOCK_STREAM, "::1", 8081);
  check(accept(any6, NULL, NULL), "accept");
  const int half = connected(AF_INET, SOCK_STREAM, "127.0.0.1", 8080);
  check(accept(any4, NULL, NULL), "accept");
  check(shutdown(half, SHUT_WR), "shutdown");
  connected(AF_INET, SOCK_STREAM, "127.0.0.1", 22);

  bound(AF_INET, SOCK_DGRAM, 0, "0.0.0.0", 5353);
  bound(AF_INET, SOCK_DGRAM, 0, "127.0.0.1", 53);
  bound(AF_INET6, SOCK_DGRAM, 0, "::", 5355);
  connected(AF_INET, SOCK_DGRAM, "127.0.0.1", 53);
  bound(AF_INET, SOCK_RAW, IPPROTO_ICMP, "0.0.0.0", 0);
  bound(AF_INET, SOCK_RAW, 200, "127.0.0.1", 0);
  check(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), "raw6");
  stay();
}

static int unix_bound(int type, const char* path, size_t size) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, size);
  const int fd = check(socket(AF_UNIX, type, 0), "socket");
  check(bind(fd, (struct sockaddr*)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
        "bind");
  return fd;
}

int role_unix(char** arguments) {
  (void)arguments;
  set_name("lab-unix");
  unlink("/tmp/lab.sock");
  const int server = unix_bound(SOCK_STREAM, "/tmp/lab.sock", sizeof "/tmp/lab.sock");
  check(listen(server, 5), "listen");
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/lab.sock"};
  const int client = check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  check(connect(client, (struct sockaddr*)&address, sizeof address), "connect");
  check(accept(server, NULL, NULL), "accept");
  // Abstract names: they start with a zero byte and need no end.
  check(listen(unix_bound(SOCK_SEQPACKET, "\0lab-abstract", 13), 1), "listen");
  unix_bound(SOCK_DGRAM, "\0lab\0zero", 9);
  int pair[2];
  check(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
  stay();
}

/// link: packet and netlink sockets.
int role_link(char** arguments) {
  (void)arguments;
  set_name("lab-link");
  check(socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), "packet");
  const int arp = check(socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ARP)), "packet");
  struct sockaddr_ll device = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
  device.sll_ifindex = (int)if_nametoindex("lo");
  check(bind(arp, (struct sockaddr*)&device, sizeof device), "bind");
  struct packet_mreq promiscuous = {.mr_ifindex = device.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
  check(setsockopt(arp, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous),
        "PACKET_MR_PROMISC");
  struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = 1};
  const int route = check(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "netlink");
  check(bind(route, (struct sockaddr*)&groups, sizeof groups), "bind");
  const int uevents = check(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT), "netlink");
  check(bind(uevents, (struct sockaddr*)&groups, sizeof groups), "bind");
  stay();
}
