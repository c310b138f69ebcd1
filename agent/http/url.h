// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"

#include <string>
#include <string_view>

namespace ringside::agent {

/// "https://host:8443/path?query" as what a client needs of it.
struct Url {
  io::Endpoint endpoint;  ///< tcp or tls (without options)
  std::string host;       ///< the Host field: "host:8443"
  std::string target;     ///< "/path?query", at least "/"
};

/// http:// and https:// only; user names and fragments are refused. IPv6 addresses stand in brackets.
Result<Url> parse_url(std::string_view text);

}  // namespace ringside::agent
