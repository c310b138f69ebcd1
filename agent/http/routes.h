// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/http/message.h"

#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent::http {

/// One operation of the API. docs/openapi.yaml describes each.
struct Route {
  enum class Access {
    open,   ///< whoever can connect
    read,   ///< Request::may_read
    write,  ///< Caller::may_write
  };
  enum class Work {
    call,    ///< one call of AgentApi
    query,   ///< the same, but it may take as long as a guest
    stream,  ///< server-sent events: the server's own
  };
  using Parameters = std::vector<std::string>;
  std::string_view method, pattern;  ///< "GET", "/api/v1/guests/{name}"
  Access access;
  Work work;
  /// Null for streams. `parameters` are the segments that stand for {...}.
  Response (*answer)(AgentApi& api, const Request& request, const Parameters& parameters);
};

const std::vector<Route>& routes();

/// The route of a request, or the answer to one that has none or may not: 404, 405, 401, 403, 415.
struct Routed {
  const Route* route = nullptr;
  Route::Parameters parameters;
  Response refusal;  ///< if `route` is null
};
Routed find_route(const Request& request);

/// Calls the API. What it throws becomes a 500.
Response answer(AgentApi& api, const Routed& routed, const Request& request);

}  // namespace ringside::agent::http
