// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/metered_monitor.h"

#include <chrono>
#include <utility>

namespace ringside::agent {

namespace {

class MeteredMonitor final : public qmp::Monitor {
 public:
  MeteredMonitor(std::unique_ptr<qmp::Monitor> inner, Metrics& metrics)
      : inner_(std::move(inner)), metrics_(metrics) {}

  Result<qmp::Json> execute(std::string_view command, qmp::Json arguments,
                            qmp::CallOptions options) override {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    auto reply = inner_->execute(command, std::move(arguments), options);
    metrics_.command(command, reply ? std::nullopt : std::optional(reply.error().code),
                     std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin));
    return reply;
  }
  qmp::Subscription subscribe(std::function<void(const qmp::Event&)> handler) override {
    return inner_->subscribe(std::move(handler));
  }
  bool supports(std::string_view command) const override { return inner_->supports(command); }
  const qmp::Greeting& greeting() const override { return inner_->greeting(); }
  std::optional<io::PeerCredentials> peer() const override { return inner_->peer(); }
  const io::Endpoint& endpoint() const override { return inner_->endpoint(); }
  bool connected() const override { return inner_->connected(); }

 private:
  std::unique_ptr<qmp::Monitor> inner_;
  Metrics& metrics_;
};

}  // namespace

std::unique_ptr<qmp::Monitor> metered(std::unique_ptr<qmp::Monitor> inner, Metrics& metrics) {
  return std::make_unique<MeteredMonitor>(std::move(inner), metrics);
}

}  // namespace ringside::agent
