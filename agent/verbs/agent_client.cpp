// SPDX-License-Identifier: Apache-2.0
#include "agent/verbs/agent_client.h"

#include "agent/control_socket.h"
#include "agent/options.h"

#include <fmt/format.h>

#include <cmath>

namespace ringside::agent {

void add_agent_options(CLI::App& verb, Context& context, AgentOptions& options) {
  static constexpr const char* kGroup = "Connection";
  verb.add_option(
          "--agent", options.socket,
          "The agent's control socket ($RINGSIDE_CONTROL, else /run/ringside/control.sock for root, else "
          "control.sock in the state directory)")
      ->type_name("SOCKET")
      ->group(kGroup);
  add_duration(verb, "--timeout", options.timeout, "How long to wait for an answer (30s)")->group(kGroup);
  add_output_options(verb, context);
}

Attempt<std::unique_ptr<AgentClient>> AgentClient::open(const AgentOptions& options) {
  std::string socket = options.socket;
  if (socket.empty()) {
    RINGSIDE_TRY(socket, default_control_socket());
  }
  HttpClient::Options how;
  how.endpoint.path = socket;
  how.timeout = options.timeout;
  return std::unique_ptr<AgentClient>(new AgentClient(std::move(socket), std::move(how)));
}

Failure AgentClient::failure(Error error) const {
  switch (error.code) {
    case Errc::refused:  // said by connect(), or by an agent that cannot reach a guest
    case Errc::monitor_busy:
      if (!error.message.starts_with("cannot connect to")) return Failure(std::move(error));
      return Failure(
          {error.code, fmt::format("no agent answers at {}", socket_),
           "start one (systemctl start ringside, or ringside agent), or name its control socket with "
           "--agent; root, its own user and members of the socket's group get in"},
          Exit::not_attached);
    case Errc::permission:
      return Failure(std::move(error), Exit::not_attached);
    case Errc::deadline:
      return Failure({error.code, fmt::format("the agent at {} gave no answer: {}", socket_, error.message),
                      "--timeout gives it longer"},
                     Exit::unchecked);
    default:
      return Failure(std::move(error));
  }
}

Attempt<Json> AgentClient::get(const std::string& target) {
  auto answer = client_.get(target);
  if (!answer) return fail(failure(std::move(answer).error()));
  return std::move(*answer);
}

Attempt<Json> AgentClient::post(const std::string& target, const Json& body) {
  auto answer = client_.post(target, body);
  if (!answer) return fail(failure(std::move(answer).error()));
  return std::move(*answer);
}

Attempt<void> AgentClient::stream(const std::string& target, HttpClient::EventHandler handler) {
  auto ended = client_.stream(target, std::move(handler));
  if (!ended) return fail(failure(std::move(ended).error()));
  return {};
}

const Json& at(const Json& document, std::string_view key) {
  static const Json kNull;
  if (!document.is_object()) return kNull;
  const auto found = document.find(std::string(key));
  return found == document.end() ? kNull : *found;
}

std::string text_at(const Json& document, std::string_view key) {
  const Json& value = at(document, key);
  if (value.is_null()) return "-";
  if (!value.is_string()) return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  const auto& text = value.get_ref<const std::string&>();
  return text.empty() ? "-" : printable(text);
}

double number_at(const Json& document, std::string_view key) {
  const Json& value = at(document, key);
  return value.is_number() ? value.get<double>() : 0;
}

std::uint64_t count_at(const Json& document, std::string_view key) {
  const double number = number_at(document, key);
  return number > 0 && number < 1e18 ? static_cast<std::uint64_t>(std::llround(number)) : 0;
}

}  // namespace ringside::agent
