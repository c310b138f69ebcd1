// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::io {

/// How to speak TLS to an endpoint. Empty paths mean the system's CA store and no client certificate.
struct TlsOptions {
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::string server_name;  ///< the name the peer's certificate must carry; empty: the endpoint's host
  bool operator==(const TlsOptions&) const = default;
};

/// Where a peer listens.
struct Endpoint {
  enum class Kind { unix_socket, tcp, tls, libvirt };
  Kind kind = Kind::unix_socket;
  std::string path;        ///< unix_socket only
  std::string host;        ///< tcp, tls
  std::uint16_t port = 0;  ///< tcp, tls
  TlsOptions tls;          ///< tls only
  std::string domain;      ///< libvirt only: UUID or name
  std::string uri;         ///< libvirt only: the connection, "qemu:///system"; empty: libvirt's own default
  bool operator==(const Endpoint&) const = default;
};

/// "/path", "./path", "unix:PATH", "tcp:HOST:PORT", "tls:HOST:PORT", "libvirt:DOMAIN", "libvirt:DOMAIN@URI";
/// HOST may be an IPv6 address in brackets.
Result<Endpoint> parse_endpoint(std::string_view text);
/// The inverse of parse_endpoint.
std::string to_string(const Endpoint& endpoint);

/// Who called listen() on the other end of a Unix socket (SO_PEERCRED). For a socket that QEMU opened itself
/// this is QEMU; under libvirt, which passes the listener in, it is not.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

}  // namespace ringside::io
