// SPDX-License-Identifier: Apache-2.0
#include "agent/http/url.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

Result<Url> parse_url(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Errc::invalid_argument, fmt::format("'{}' is no URL: {}", text, why),
                "write http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH");
  };
  const bool secure = text.starts_with("https://");
  if (!secure && !text.starts_with("http://")) return bad("it starts with neither http:// nor https://");
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c == 0x7f; }))
    return bad("blanks and control characters are to be escaped");
  std::string_view rest = text.substr(secure ? 8 : 7);
  if (rest.find('#') != rest.npos) return bad("a fragment makes no sense here");
  const std::size_t end = rest.find_first_of("/?");
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != authority.npos) return bad("credentials belong into a header, not into the URL");
  Url url;
  url.host = authority;
  url.target = end == rest.npos ? "/" : rest.substr(end);
  if (url.target.starts_with('?')) url.target.insert(0, "/");
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != authority.npos && !authority.ends_with(']');
  const auto endpoint = io::parse_endpoint(fmt::format("{}:{}{}", secure ? "tls" : "tcp", authority,
                                                       has_port ? ""
                                                       : secure ? ":443"
                                                                : ":80"));
  if (!endpoint) return bad(endpoint.error().message);
  url.endpoint = *endpoint;
  return url;
}

}  // namespace ringside::agent
