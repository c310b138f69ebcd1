// SPDX-License-Identifier: Apache-2.0
#include "agent/http/routes.h"

#include "base/bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <initializer_list>
#include <optional>

namespace ringside::agent::http {

namespace {

using Parameters = Route::Parameters;

constexpr std::size_t kMostFindings = 100'000;

Response respond(Result<Json> result) {
  return result ? json_response(*result) : error_response(result.error());
}

tl::unexpected<Error> bad(std::string message) {
  return fail(Errc::invalid_argument, std::move(message));
}

Result<void> only_parameters(const Target& target, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : target.query)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return bad(fmt::format("there is no parameter \"{}\"", name));
  return {};
}

Result<FindingStore::Filter> filter_of(const Target& target) {
  RINGSIDE_CHECK(only_parameters(target, {"guest", "state", "severity", "policy", "suppressed", "limit"}));
  FindingStore::Filter filter;
  for (const auto& [name, value] : target.query) {
    if (name == "guest") filter.guest = value;
    if (name == "policy") filter.policy = value;
    if (name == "state" && value != "all") {
      if (value != "open" && value != "resolved") return bad("state is open, resolved or all");
      filter.state = value == "open" ? FindingRecord::State::open : FindingRecord::State::resolved;
    }
    if (name == "suppressed") {
      if (value != "true" && value != "false") return bad("suppressed is true or false");
      filter.suppressed = value == "true";
    }
    if (name == "severity") {
      using policies::Severity;
      for (const Severity one :
           {Severity::info, Severity::low, Severity::medium, Severity::high, Severity::critical})
        if (to_string(one) == value) filter.at_least = one;
      if (!filter.at_least) return bad("severity is info, low, medium, high or critical");
    }
    if (name == "limit") {
      const auto limit = parse_number(value);
      if (!limit || *limit == 0 || *limit > kMostFindings)
        return bad(fmt::format("limit is a number from 1 to {}", kMostFindings));
      filter.limit = *limit;
    }
  }
  return filter;
}

/// The body of a POST: an object with no other keys than `known`, all strings.
Result<Json> body_of(const Request& request, std::initializer_list<std::string_view> known) {
  if (request.body.empty()) return Json::object();
  Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return fail(Errc::malformed, "the body is no JSON object");
  for (const auto& [key, value] : body.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      return bad(fmt::format("the body has no key \"{}\"", key));
    if (!value.is_string()) return bad(fmt::format("\"{}\" is a string", key));
  }
  return body;
}

Result<std::string> note_of(const Request& request) {
  RINGSIDE_TRY(const Json body, body_of(request, {"note"}));
  return body.value("note", std::string());
}

Response healthz(AgentApi&, const Request&, const Parameters&) {
  return {200, "text/plain; charset=utf-8", "ok\n", {}};
}

Response readyz(AgentApi& api, const Request&, const Parameters&) {
  std::string why;
  if (api.ready(why)) return {200, "text/plain; charset=utf-8", "ready\n", {}};
  return error_response(503, "unavailable", why.empty() ? "the agent is not ready" : why);
}

Response metrics(AgentApi& api, const Request&, const Parameters&) {
  return {200, "text/plain; version=0.0.4; charset=utf-8", api.metrics(), {}};
}

Response status(AgentApi& api, const Request&, const Parameters&) {
  return json_response(api.status());
}

Response guests(AgentApi& api, const Request&, const Parameters&) {
  return json_response({{"guests", api.guests()}});
}

Response guest(AgentApi& api, const Request&, const Parameters& parameters) {
  return respond(api.guest(parameters[0]));
}

Response findings(AgentApi& api, const Request& request, const Parameters&) {
  const auto filter = filter_of(request.target);
  if (!filter) return error_response(filter.error());
  auto found = api.findings(*filter);
  if (!found) return error_response(found.error());
  return json_response({{"findings", std::move(*found)}});
}

Response finding(AgentApi& api, const Request&, const Parameters& parameters) {
  return respond(api.finding(parameters[0]));
}

Response explain(AgentApi& api, const Request&, const Parameters& parameters) {
  return respond(api.explain(parameters[0]));
}

Response acknowledge(AgentApi& api, const Request& request, const Parameters& parameters) {
  const auto note = note_of(request);
  return note ? respond(api.acknowledge(parameters[0], *note, request.caller)) : error_response(note.error());
}

Response accept(AgentApi& api, const Request& request, const Parameters& parameters) {
  const auto note = note_of(request);
  return note ? respond(api.accept(parameters[0], *note, request.caller)) : error_response(note.error());
}

Response policies(AgentApi& api, const Request&, const Parameters&) {
  return json_response({{"policies", api.policies()}});
}

Response tables(AgentApi& api, const Request&, const Parameters&) {
  return json_response({{"tables", api.tables()}});
}

Response query(AgentApi& api, const Request& request, const Parameters&) {
  const auto body = body_of(request, {"guest", "sql"});
  if (!body) return error_response(body.error());
  if (!body->contains("guest") || !body->contains("sql"))
    return error_response(Error{Errc::invalid_argument, "a query names a guest and holds SQL",
                                R"({"guest":"vm1","sql":"SELECT ..."})"});
  return respond(api.query((*body)["guest"].get<std::string>(), (*body)["sql"].get<std::string>()));
}

Response reload(AgentApi& api, const Request& request, const Parameters&) {
  return respond(api.reload(request.caller));
}

std::vector<std::string_view> segments_of(std::string_view pattern) {
  std::vector<std::string_view> segments;
  for (pattern.remove_prefix(1);;) {
    const std::size_t slash = pattern.find('/');
    segments.push_back(pattern.substr(0, slash));
    if (slash == pattern.npos) return segments;
    pattern.remove_prefix(slash + 1);
  }
}

std::optional<Parameters> match(std::string_view pattern, const std::vector<std::string>& segments) {
  const auto wanted = segments_of(pattern);
  if (wanted.size() != segments.size()) return std::nullopt;
  Parameters parameters;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{') && !segments[i].empty())
      parameters.push_back(segments[i]);
    else if (wanted[i] != segments[i])
      return std::nullopt;
  }
  return parameters;
}

Response forbidden(const Request& request, bool to_write) {
  if (request.caller.name.empty())
    return error_response(401, "permission", "this needs a client certificate or a token",
                          "send Authorization: Bearer TOKEN");
  return error_response(
      403, "permission",
      fmt::format("{} may not {}", request.caller.name, to_write ? "change anything" : "read"),
      to_write ? "root and the agent's own user may, at its control socket"
               : "root, the agent's own user and members of the socket's group may");
}

}  // namespace

const std::vector<Route>& routes() {
  using Access = Route::Access;
  using Work = Route::Work;
  static const std::vector<Route> all{
      {"GET", "/healthz", Access::open, Work::call, healthz},
      {"GET", "/readyz", Access::open, Work::call, readyz},
      {"GET", "/metrics", Access::read, Work::call, metrics},
      {"GET", "/api/v1/status", Access::read, Work::call, status},
      {"GET", "/api/v1/guests", Access::read, Work::call, guests},
      {"GET", "/api/v1/guests/{name}", Access::read, Work::call, guest},
      {"GET", "/api/v1/findings", Access::read, Work::call, findings},
      {"GET", "/api/v1/findings/{id}", Access::read, Work::call, finding},
      {"GET", "/api/v1/findings/{id}/explain", Access::read, Work::call, explain},
      {"POST", "/api/v1/findings/{id}/ack", Access::write, Work::call, acknowledge},
      {"POST", "/api/v1/findings/{id}/accept", Access::write, Work::query, accept},
      {"GET", "/api/v1/policies", Access::read, Work::call, policies},
      {"GET", "/api/v1/tables", Access::read, Work::call, tables},
      {"POST", "/api/v1/query", Access::read, Work::query, query},
      {"POST", "/api/v1/reload", Access::write, Work::call, reload},
      {"GET", "/api/v1/events", Access::read, Work::stream, nullptr},
  };
  return all;
}

Routed find_route(const Request& request) {
  std::string allowed;
  for (const Route& route : routes()) {
    auto parameters = match(route.pattern, request.target.segments);
    if (!parameters) continue;
    if (route.method != request.method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    const bool to_write = route.access == Route::Access::write;
    if ((to_write && !request.caller.may_write) || (route.access == Route::Access::read && !request.may_read))
      return {nullptr, {}, forbidden(request, to_write)};
    // A page in somebody's browser can send a form here, but not this type without being let.
    if (route.method == "POST" && !request.content_type.starts_with("application/json"))
      return {nullptr, {}, error_response(415, "unsupported", "the body must be application/json")};
    return {&route, std::move(*parameters), {}};
  }
  if (allowed.empty())
    return {nullptr,
            {},
            error_response(404, "not_found", "there is nothing here", "docs/openapi.yaml lists what is")};
  Response refusal = error_response(405, "unsupported", fmt::format("this takes {} only", allowed));
  refusal.allow = allowed;
  return {nullptr, {}, std::move(refusal)};
}

Response answer(AgentApi& api, const Routed& routed, const Request& request) {
  try {
    return routed.route->answer(api, request, routed.parameters);
  } catch (const std::exception& error) {
    return error_response(500, "io", fmt::format("the agent failed: {}", error.what()));
  }
}

}  // namespace ringside::agent::http
