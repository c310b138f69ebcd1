// SPDX-License-Identifier: Apache-2.0
#include "agent/http/http_client.h"
#include "agent/http/message.h"
#include "agent/http/url.h"
#include "agent/outputs/sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace ringside::agent {

namespace {

/// Statuses that say that the same message will never be taken, and not that the address, the credentials or
/// the receiver are wrong, which somebody can mend.
bool is_refusal(unsigned status) {
  return status == 400 || status == 413 || status == 415 || status == 422;
}

class HttpSink final : public Sink {
 public:
  HttpSink(io::EventLoop& loop, HttpClient::Options options, std::string target, std::string shown,
           bool batches)
      : client_(loop, std::move(options)),
        target_(std::move(target)),
        shown_(std::move(shown)),
        batches_(batches) {}

  Sent send(std::span<const std::string> messages) override {
    if (!batches_) return send_body(messages[0], 1);
    std::string body = "[";
    for (const auto& message : messages) body += (body.size() == 1 ? "" : ",") + message;
    Sent sent = send_body(body + "]", messages.size());
    // One bad alert spoils them all: which one?
    if (sent.refused && messages.size() > 1) return send(messages.first(1));
    return sent;
  }

  std::size_t batch() const override { return batches_ ? Sink::batch() : 1; }
  void cancel() override { client_.cancel(); }

 private:
  Sent send_body(const std::string& body, std::size_t count) {
    const auto answer = client_.request("POST", target_, body);
    if (!answer) return {0, answer.error().within(shown_), false};
    if (answer->status / 100 == 2) return {count, std::nullopt, false};
    std::string said = answer->body.substr(0, 200);
    std::replace_if(
        said.begin(), said.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, ' ');
    return {0,
            Error{Errc::peer_error,
                  fmt::format("{} answered {} {}{}{}", shown_, answer->status,
                              http::reason_of(answer->status), said.empty() ? "" : ": ", said),
                  {}},
            is_refusal(answer->status)};
  }

  HttpClient client_;
  std::string target_, shown_;
  bool batches_;
};

Result<void> check_header(const std::string& name, const std::string& value) {
  const bool good_name = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
  const bool good_value =
      std::all_of(value.begin(), value.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (good_name && good_value) return {};
  return fail(Errc::invalid_argument, fmt::format("\"{}\" is no header field", name),
              "a name of letters, digits and -, a value without control characters");
}

}  // namespace

Result<std::unique_ptr<Sink>> make_http_sink(const OutputConfig& config, io::EventLoop& loop) {
  RINGSIDE_TRY(Url url, parse_url(config.to));
  const bool alerts = config.kind == OutputConfig::Kind::alertmanager;
  static constexpr std::string_view kAlerts = "/api/v2/alerts";
  if (alerts && !url.target.ends_with(kAlerts)) {
    if (url.target.ends_with('/')) url.target.pop_back();
    url.target += kAlerts;
  }
  HttpClient::Options options;
  options.endpoint = url.endpoint;
  options.endpoint.tls = config.tls;
  options.host = url.host;
  options.timeout = config.timeout;
  options.largest_answer = 1 << 20;
  for (const auto& [name, value] : config.headers) RINGSIDE_CHECK(check_header(name, value));
  options.headers = config.headers;
  return std::make_unique<HttpSink>(loop, std::move(options), url.target, config.to, alerts);
}

}  // namespace ringside::agent
