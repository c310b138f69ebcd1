// SPDX-License-Identifier: Apache-2.0
#include "agent/http/message.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <optional>
#include <utility>

namespace ringside::agent::http {

namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_blank) c = ' ';
    if (text[i] == '%') {
      if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
      c = static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

unsigned status_for(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::malformed:
      return 400;
    case Errc::permission:
      return 403;
    case Errc::not_found:
      return 404;
    case Errc::mismatch:
      return 409;
    case Errc::oversized:
      return 413;
    case Errc::unsupported:
      return 501;
    case Errc::peer_error:
    case Errc::closed:
      return 502;
    case Errc::refused:
    case Errc::monitor_busy:
    case Errc::gone:
    case Errc::unavailable:
    case Errc::cancelled:
    case Errc::not_mapped:
    case Errc::not_ram:
    case Errc::non_canonical:
    case Errc::out_of_bounds:
      return 503;
    case Errc::deadline:
      return 504;
    case Errc::io:
      return 500;
  }
  return 500;
}

std::optional<Errc> code_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Errc::unavailable); ++i)
    if (to_string(static_cast<Errc>(i)) == name) return static_cast<Errc>(i);
  return std::nullopt;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return fail(Errc::malformed, fmt::format("the request's target {}", why));
  };
  if (!text.starts_with('/')) return bad("is no absolute path");
  Target target;
  const std::size_t mark = text.find('?');
  std::string_view path = text.substr(1, mark == text.npos ? mark : mark - 1);
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    auto segment = decoded(path.substr(0, slash), false);
    if (!segment) return bad("has a bad escape in its path");
    target.segments.push_back(std::move(*segment));
    path = slash == path.npos ? std::string_view{} : path.substr(slash + 1);
    if (slash != std::string_view::npos && path.empty()) target.segments.emplace_back();  // "/a/" is not "/a"
  }
  std::string_view query = mark == text.npos ? std::string_view{} : text.substr(mark + 1);
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    auto name = decoded(one.substr(0, equals), true);
    auto value = decoded(equals == one.npos ? std::string_view{} : one.substr(equals + 1), true);
    if (!name || !value) return bad("has a bad escape in its query");
    if (!target.query.emplace(std::move(*name), std::move(*value)).second)
      return bad("has a parameter twice");
  }
  return target;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    // RFC 3986, 2.3: what needs no escape anywhere.
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' || c == '~')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Response json_response(const Json& document, unsigned status) {
  Response response;
  response.status = status;
  // Text that comes from a guest need not be UTF-8.
  response.body = document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return response;
}

Response error_response(const Error& error) {
  return error_response(status_for(error.code), to_string(error.code), error.message, error.hint);
}

Response error_response(unsigned status, std::string_view code, std::string_view message,
                        std::string_view hint) {
  Json error{{"code", code}, {"message", message}};
  if (!hint.empty()) error["hint"] = hint;
  return json_response({{"error", std::move(error)}}, status);
}

Error error_of(unsigned status, std::string_view body) {
  const Json document = Json::parse(body, nullptr, false);
  const Errc by_status = status == 400   ? Errc::invalid_argument
                         : status == 401 ? Errc::permission
                         : status == 403 ? Errc::permission
                         : status == 404 ? Errc::not_found
                         : status == 413 ? Errc::oversized
                         : status == 503 ? Errc::unavailable
                         : status == 504 ? Errc::deadline
                                         : Errc::peer_error;
  Error error{by_status, fmt::format("HTTP status {} {}", status, reason_of(status)), {}};
  if (!document.is_object() || !document.contains("error") || !document["error"].is_object()) return error;
  const Json& told = document["error"];
  const auto text = [&](const char* key) {
    const auto found = told.find(key);
    return found != told.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  error.code = code_named(text("code")).value_or(by_status);
  if (auto message = text("message"); !message.empty()) error.message = std::move(message);
  error.hint = text("hint");
  return error;
}

std::string_view reason_of(unsigned status) {
  static constexpr std::array<std::pair<unsigned, std::string_view>, 18> kReasons{{
      {200, "OK"},
      {202, "Accepted"},
      {204, "No Content"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {413, "Payload Too Large"},
      {415, "Unsupported Media Type"},
      {421, "Misdirected Request"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
  }};
  for (const auto& [number, reason] : kReasons)
    if (number == status) return reason;
  return status == 503 ? "Service Unavailable" : status == 504 ? "Gateway Timeout" : "";
}

std::string head_of(const Response& response, bool keep_alive) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nServer: ringside\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: {}\r\n",
      response.status, reason_of(response.status), response.type, response.body.size(),
      keep_alive ? "keep-alive" : "close");
  if (!response.allow.empty()) head += fmt::format("Allow: {}\r\n", response.allow);
  if (response.status == 401) head += "WWW-Authenticate: Bearer realm=\"ringside\"\r\n";
  return head + "\r\n";
}

}  // namespace ringside::agent::http
