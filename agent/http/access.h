// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/agent_api.h"
#include "base/io/endpoint.h"

#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent::http {

/// Who a client is and what it may do.
struct Access {
  Caller caller;
  bool may_read = false;
};

/// At the control socket: root and `own` (the agent's user) may read and write, members of `group` may read.
Access access_of_peer(const io::PeerCredentials& peer, const std::vector<gid_t>& groups, uid_t own,
                      gid_t group);

/// What a TCP server asks for.
struct NetworkAccess {
  bool required = false;  ///< a certificate or the token; else who reaches the server (loopback) may read
  std::string token;      ///< empty: there is none
};
/// `certificate`: the subject of the client's, if it was good; `authorization`: the header field. Whoever has
/// a certificate or the token may do all.
Access access_of_network(const NetworkAccess& how, std::string_view certificate,
                         std::string_view authorization);

/// Whether the Host field of a request names this machine's loopback, so that no web page of another name
/// (DNS rebinding) asks through a browser.
bool names_loopback(std::string_view host);

/// The token in a file: at least 16 printable characters on the first line. `permission`: others may read it.
Result<std::string> read_token(const std::string& path);

}  // namespace ringside::agent::http
