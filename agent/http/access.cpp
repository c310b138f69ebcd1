// SPDX-License-Identifier: Apache-2.0
#include "agent/http/access.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

namespace ringside::agent::http {

namespace {
constexpr std::size_t kShortestToken = 16, kLongestToken = 1024;
}

Access access_of_peer(const io::PeerCredentials& peer, const std::vector<gid_t>& groups, uid_t own,
                      gid_t group) {
  const bool may_write = peer.uid == 0 || peer.uid == own;
  const bool member = peer.gid == group || std::find(groups.begin(), groups.end(), group) != groups.end();
  return {{fmt::format("uid {}", peer.uid), may_write}, may_write || member};
}

Access access_of_network(const NetworkAccess& how, std::string_view certificate,
                         std::string_view authorization) {
  if (!certificate.empty()) return {{fmt::format("certificate {}", certificate), true}, true};
  static constexpr std::string_view kBearer = "Bearer ";
  if (!how.token.empty() && authorization.starts_with(kBearer)) {
    authorization.remove_prefix(kBearer.size());
    if (authorization.size() == how.token.size() &&
        CRYPTO_memcmp(authorization.data(), how.token.data(), how.token.size()) == 0)
      return {{"token", true}, true};
  }
  if (how.required) return {};
  return {{"loopback", false}, true};
}

bool names_loopback(std::string_view host) {
  if (const auto colon = host.rfind(':'); colon != host.npos && !host.ends_with(']'))
    host = host.substr(0, colon);
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

Result<std::string> read_token(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return fail(Errc::invalid_argument, fmt::format("the token file '{}' cannot be read", path));
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Errc::permission, fmt::format("others than its owner may read the token file '{}'", path),
                "chmod 600 " + path);
  std::ifstream file(path);
  std::string token;
  std::getline(file, token);
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.size() < kShortestToken || token.size() > kLongestToken ||
      !std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; }))
    return fail(
        Errc::invalid_argument,
        fmt::format("the first line of '{}' is no token of {} to {} printable characters without blanks",
                    path, kShortestToken, kLongestToken),
        "openssl rand -hex 32 makes one");
  return token;
}

}  // namespace ringside::agent::http
