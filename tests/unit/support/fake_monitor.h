// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "qmp/monitor.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringside::testing {

/// A QMP monitor whose answers a test gives.
class FakeMonitor : public qmp::Monitor {
 public:
  using Json = qmp::Json;
  struct Call {
    std::string command;
    Json arguments;
  };
  using Answer = std::function<Result<Json>(const Json& arguments)>;

  /// `answer` serves `command` from now on; commands without one are `peer_error` CommandNotFound and
  /// unsupported.
  void on(const std::string& command, Answer answer) { answers_[command] = std::move(answer); }
  /// Every call fails with `closed` from now on.
  void disconnect() { connected_ = false; }
  void set_peer(io::PeerCredentials peer) { peer_ = peer; }
  void emit(const qmp::Event& event) {
    for (const auto& handler : handlers_)
      if (const auto live = handler.lock()) (*live)(event);
  }
  const std::vector<Call>& calls() const { return calls_; }
  qmp::Greeting& mutable_greeting() { return greeting_; }

  Result<Json> execute(std::string_view command, Json arguments, qmp::CallOptions) override {
    calls_.push_back({std::string(command), arguments});
    if (!connected_) return fail(Errc::closed, "the monitor closed the connection");
    const auto answer = answers_.find(std::string(command));
    if (answer == answers_.end())
      return fail(Errc::peer_error,
                  "CommandNotFound: The command " + std::string(command) + " has not been found");
    return answer->second(arguments);
  }
  qmp::Subscription subscribe(std::function<void(const qmp::Event&)> handler) override {
    auto held = std::make_shared<std::function<void(const qmp::Event&)>>(std::move(handler));
    handlers_.push_back(held);
    return held;
  }
  bool supports(std::string_view command) const override { return answers_.contains(std::string(command)); }
  const qmp::Greeting& greeting() const override { return greeting_; }
  std::optional<io::PeerCredentials> peer() const override { return peer_; }
  const io::Endpoint& endpoint() const override { return endpoint_; }
  bool connected() const override { return connected_; }

 private:
  std::map<std::string, Answer> answers_;
  std::vector<Call> calls_;
  std::vector<std::weak_ptr<std::function<void(const qmp::Event&)>>> handlers_;
  qmp::Greeting greeting_{7, 2, 22, "", true};
  std::optional<io::PeerCredentials> peer_;
  io::Endpoint endpoint_;
  bool connected_ = true;
};

}  // namespace ringside::testing
