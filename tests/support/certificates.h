// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace ringside::testing {

/// Files of a small TLS world: a CA, and a server ("localhost") and a client certificate that it signed.
struct Certificates {
  std::string ca, server, server_key, client, client_key;
};

/// Makes new keys and certificates in `directory`. Throws on failure.
Certificates make_certificates(const std::string& directory);

}  // namespace ringside::testing
