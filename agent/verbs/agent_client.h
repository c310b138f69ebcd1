// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/http/http_client.h"
#include "agent/outcome.h"
#include "agent/output/json.h"
#include "base/io/event_loop.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace ringside::agent {

/// Where a verb finds the running agent.
struct AgentOptions {
  std::string socket;                         ///< --agent; empty: the default
  std::chrono::milliseconds timeout{30'000};  ///< --timeout
};
/// --agent, --timeout and the output options.
void add_agent_options(CLI::App& verb, Context& context, AgentOptions& options);

/// The agent at its control socket. Errors that mean that no agent answers say how to start one and exit
/// with 5; the agent's own errors exit as those of other verbs do.
class AgentClient {
 public:
  static Attempt<std::unique_ptr<AgentClient>> open(const AgentOptions& options);

  Attempt<Json> get(const std::string& target);
  Attempt<Json> post(const std::string& target, const Json& body);
  /// As HttpClient::stream().
  Attempt<void> stream(const std::string& target, HttpClient::EventHandler handler);
  void cancel() { client_.cancel(); }
  const std::string& socket() const { return socket_; }

 private:
  AgentClient(std::string socket, HttpClient::Options options)
      : socket_(std::move(socket)), client_(loop_, std::move(options)) {}
  Failure failure(Error error) const;
  std::string socket_;
  io::EventLoop loop_;
  HttpClient client_;
};

/// What stands at a key of a document whose keys may be missing: for people, control characters escaped; "-"
/// for what is missing, null or empty.
std::string text_at(const Json& document, std::string_view key);
/// 0 for what is no number.
double number_at(const Json& document, std::string_view key);
std::uint64_t count_at(const Json& document, std::string_view key);
/// Null if it is not there.
const Json& at(const Json& document, std::string_view key);

}  // namespace ringside::agent
