// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/agent_api.h"
#include "base/error.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent::http {

/// "/api/v1/findings?guest=vm1" taken apart, percent-decoded.
struct Target {
  std::vector<std::string> segments;         ///< "api", "v1", "findings"
  std::map<std::string, std::string> query;  ///< a name at most once
};
/// `malformed`: no absolute path, a bad escape, a zero byte, a name twice.
Result<Target> parse_target(std::string_view text);
/// The inverse for one segment or value.
std::string percent_encoded(std::string_view text);

struct Request {
  std::string method;
  Target target;
  std::string content_type, body;
  Caller caller;
  bool may_read = false;
};

struct Response {
  unsigned status = 200;
  std::string type = "application/json";
  std::string body;
  std::string allow;  ///< of 405: the methods that there are
};

Response json_response(const Json& document, unsigned status = 200);
/// {"error": {"code", "message", "hint"}} with the status that the code means.
Response error_response(const Error& error);
Response error_response(unsigned status, std::string_view code, std::string_view message,
                        std::string_view hint = {});
/// The error that the body of an error_response() tells of.
Error error_of(unsigned status, std::string_view body);

std::string_view reason_of(unsigned status);
/// Status line and header fields, up to the empty line.
std::string head_of(const Response& response, bool keep_alive);

}  // namespace ringside::agent::http
