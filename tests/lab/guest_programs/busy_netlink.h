// SPDX-License-Identifier: Apache-2.0
// Requests of netlink, put together by hand (linux/netlink.h).
#ifndef RINGSIDE_TESTS_LAB_GUEST_PROGRAMS_BUSY_NETLINK_H
#define RINGSIDE_TESTS_LAB_GUEST_PROGRAMS_BUSY_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

/// One message, or several after each other.
struct Request {
  _Alignas(8) char bytes[4096];
  size_t size;     ///< of all messages
  size_t message;  ///< where the last one begins
};

/// Begins a message with `header` (ifinfomsg, tcmsg, nfgenmsg, ...) behind the netlink header.
void request_begin(struct Request* request, unsigned type, unsigned flags, const void* header, size_t size);
void request_attribute(struct Request* request, unsigned type, const void* value, size_t size);
void request_text(struct Request* request, unsigned type, const char* text);
void request_u32(struct Request* request, unsigned type, uint32_t value);
/// In network byte order, as nf_tables wants it.
void request_be32(struct Request* request, unsigned type, uint32_t value);
/// A nest of attributes; the place that request_end_nest() wants.
size_t request_nest(struct Request* request, unsigned type);
void request_end_nest(struct Request* request, size_t place);

/// A socket of `protocol`.
int netlink_socket(int protocol);
/// Sends it and returns 0, or -errno that the kernel answered to the message that wanted an answer
/// (NLM_F_ACK).
int netlink_send(int fd, const struct Request* request);

#endif
