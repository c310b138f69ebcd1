// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "busy_netlink.h"

#include "lab.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void set_size(struct Request* request) {
  struct nlmsghdr* header = (struct nlmsghdr*)(request->bytes + request->message);
  header->nlmsg_len = (uint32_t)(request->size - request->message);
}

static void* grow(struct Request* request, size_t size) {
  char* place = request->bytes + request->size;
  if (request->size + NLMSG_ALIGN(size) > sizeof request->bytes) die("a netlink request that is too long");
  memset(place, 0, NLMSG_ALIGN(size));
  request->size += NLMSG_ALIGN(size);
  return place;
}

void request_begin(struct Request* request, unsigned type, unsigned flags, const void* header, size_t size) {
  request->message = request->size;
  struct nlmsghdr* message = grow(request, NLMSG_HDRLEN);
  message->nlmsg_type = (uint16_t)type;
  message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
  memcpy(grow(request, size), header, size);
  set_size(request);
}

void request_attribute(struct Request* request, unsigned type, const void* value, size_t size) {
  struct nlattr* attribute = grow(request, NLA_HDRLEN + size);
  attribute->nla_type = (uint16_t)type;
  attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
  if (size > 0) memcpy((char*)attribute + NLA_HDRLEN, value, size);
  set_size(request);
}

void request_text(struct Request* request, unsigned type, const char* text) {
  request_attribute(request, type, text, strlen(text) + 1);
}

void request_u32(struct Request* request, unsigned type, uint32_t value) {
  request_attribute(request, type, &value, sizeof value);
}

void request_be32(struct Request* request, unsigned type, uint32_t value) {
  request_u32(request, type, htonl(value));
}

size_t request_nest(struct Request* request, unsigned type) {
  const size_t place = request->size;
  request_attribute(request, type | NLA_F_NESTED, NULL, 0);
  return place;
}

void request_end_nest(struct Request* request, size_t place) {
  ((struct nlattr*)(request->bytes + place))->nla_len = (uint16_t)(request->size - place);
  set_size(request);
}

int netlink_socket(int protocol) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return fd;
  const struct timeval limit = {20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

int netlink_send(int fd, const struct Request* request) {
  check((int)send(fd, request->bytes, request->size, 0), "netlink");
  for (;;) {
    _Alignas(8) char answer[8192];
    const ssize_t size = recv(fd, answer, sizeof answer, 0);
    if (size < (ssize_t)sizeof(struct nlmsghdr)) die("the answer of netlink");
    const struct nlmsghdr* header = (const struct nlmsghdr*)answer;
    if (header->nlmsg_type == NLMSG_ERROR) return ((const struct nlmsgerr*)(answer + NLMSG_HDRLEN))->error;
  }
}
