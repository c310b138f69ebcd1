// SPDX-License-Identifier: Apache-2.0
#include "base/io/endpoint.h"

#include "base/bytes.h"

#include <fmt/format.h>

#include <limits>

namespace ringside::io {

namespace {

constexpr std::string_view kForms =
    "write /path/to/socket, unix:PATH, tcp:HOST:PORT, tls:HOST:PORT or libvirt:DOMAIN";

tl::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(Errc::invalid_argument, fmt::format("'{}' is no endpoint: {}", text, why), std::string(kForms));
}

Result<Endpoint> parse_path(std::string_view text, std::string_view path) {
  if (path.empty()) return bad(text, "the socket's path is missing");
  if (path.find('\0') != path.npos) return bad(text, "the socket's path contains a zero byte");
  Endpoint endpoint;
  endpoint.path = path;
  return endpoint;
}

Result<Endpoint> parse_host_port(std::string_view text, std::string_view rest, Endpoint::Kind kind) {
  const std::size_t colon = rest.rfind(':');
  if (colon == rest.npos || rest.ends_with(']')) return bad(text, "the port is missing");
  std::string_view host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != host.npos) {
    return bad(text, "an IPv6 address stands in brackets");
  }
  if (host.empty()) return bad(text, "the host is missing");
  if (host.find('\0') != host.npos) return bad(text, "the host contains a zero byte");
  const std::string_view digits = rest.substr(colon + 1);
  const auto port = parse_number(digits);
  if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max())
    return bad(text, fmt::format("'{}' is no port (1 to 65535)", digits));
  Endpoint endpoint;
  endpoint.kind = kind;
  endpoint.host = host;
  endpoint.port = static_cast<std::uint16_t>(*port);
  return endpoint;
}

/// A domain's name may hold an `@`, a URI's scheme may not, so the last one before "://" parts them. Names
/// hold no `/` (libvirt src/conf/domain_conf.c).
Result<Endpoint> parse_domain(std::string_view text, std::string_view rest) {
  Endpoint endpoint;
  endpoint.kind = Endpoint::Kind::libvirt;
  if (const std::size_t scheme_end = rest.find("://"); scheme_end != rest.npos) {
    const std::size_t at = rest.substr(0, scheme_end).rfind('@');
    if (at == rest.npos) return bad(text, "the domain is missing before the URI");
    endpoint.uri = rest.substr(at + 1);
    rest = rest.substr(0, at);
  }
  if (rest.empty()) return bad(text, "the domain's name is missing");
  if (rest.find_first_of(std::string_view("/\n\0", 3)) != rest.npos ||
      endpoint.uri.find_first_of(std::string_view("\n\0", 2)) != std::string::npos)
    return bad(text, "a domain's name holds no slash, line end or zero byte");
  endpoint.domain = rest;
  return endpoint;
}

std::string host_port(const Endpoint& endpoint) {
  const bool brackets = endpoint.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", endpoint.host, brackets ? "]" : "", endpoint.port);
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with("unix:")) return parse_path(text, text.substr(5));
  if (text.starts_with("tcp:")) return parse_host_port(text, text.substr(4), Endpoint::Kind::tcp);
  if (text.starts_with("tls:")) return parse_host_port(text, text.substr(4), Endpoint::Kind::tls);
  if (text.starts_with("libvirt:")) return parse_domain(text, text.substr(8));
  if (text.starts_with("/") || text.starts_with("./") || text.starts_with("../"))
    return parse_path(text, text);
  return bad(text, "it starts like no form of endpoint");
}

std::string to_string(const Endpoint& endpoint) {
  switch (endpoint.kind) {
    case Endpoint::Kind::tcp:
      return "tcp:" + host_port(endpoint);
    case Endpoint::Kind::tls:
      return "tls:" + host_port(endpoint);
    case Endpoint::Kind::libvirt:
      return "libvirt:" + endpoint.domain + (endpoint.uri.empty() ? "" : "@" + endpoint.uri);
    case Endpoint::Kind::unix_socket:
      break;
  }
  const bool bare =
      endpoint.path.starts_with("/") || endpoint.path.starts_with("./") || endpoint.path.starts_with("../");
  return bare ? endpoint.path : "unix:" + endpoint.path;
}

}  // namespace ringside::io
