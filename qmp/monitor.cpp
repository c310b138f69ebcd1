// SPDX-License-Identifier: Apache-2.0
#include "qmp/monitor.h"

#include "base/io/event_loop_asio.h"
#include "qmp/client.h"
#include "qmp/commands.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <future>
#include <utility>
#include <vector>

namespace ringside::qmp {

namespace {

/// The synchronous face of a Client: every call is run on the event loop and waited for.
class BlockingMonitor final : public Monitor {
 public:
  BlockingMonitor(io::EventLoop& loop, io::Endpoint endpoint, std::shared_ptr<Client> client,
                  std::vector<std::string> commands)
      : loop_(loop),
        endpoint_(std::move(endpoint)),
        client_(std::move(client)),
        greeting_(client_->greeting()),
        peer_(client_->peer()),
        commands_(std::move(commands)) {
    std::sort(commands_.begin(), commands_.end());
  }

  /// The client lives on the loop, so it ends there.
  ~BlockingMonitor() override {
    std::promise<void> ended;
    asio::post(io::executor(loop_), [&] {
      client_.reset();
      ended.set_value();
    });
    ended.get_future().wait();
  }

  Result<Json> execute(std::string_view command, Json arguments, CallOptions options) override {
    return io::run_blocking(loop_, run(client_, std::string(command), std::move(arguments), options));
  }

  Subscription subscribe(std::function<void(const Event&)> handler) override {
    return client_->subscribe(std::move(handler));
  }
  bool supports(std::string_view command) const override {
    return std::binary_search(commands_.begin(), commands_.end(), command);
  }
  const Greeting& greeting() const override { return greeting_; }
  std::optional<io::PeerCredentials> peer() const override { return peer_; }
  const io::Endpoint& endpoint() const override { return endpoint_; }
  bool connected() const override { return client_->connected(); }

 private:
  static asio::awaitable<Result<Json>> run(std::shared_ptr<Client> client, std::string command,
                                           Json arguments, CallOptions options) {
    auto pending = client->execute(std::move(command), std::move(arguments), options);
    co_return co_await std::move(pending);
  }

  io::EventLoop& loop_;
  io::Endpoint endpoint_;
  std::shared_ptr<Client> client_;
  Greeting greeting_;
  std::optional<io::PeerCredentials> peer_;
  std::vector<std::string> commands_;
};

struct Connected {
  std::shared_ptr<Client> client;
  std::vector<std::string> commands;
};

asio::awaitable<Result<Connected>> connect_client(io::Endpoint endpoint, ConnectOptions options) {
  const std::string name = io::to_string(endpoint);
  auto connecting = Client::connect(std::move(endpoint), options);
  Result<std::unique_ptr<Client>> client = co_await std::move(connecting);
  if (!client) co_return fail(std::move(client).error());
  CallOptions call;
  call.deadline = options.connect_deadline;
  auto asking = (*client)->call(query_commands(), call);
  Result<std::vector<std::string>> commands = co_await std::move(asking);
  if (!commands) co_return fail(commands.error().within(name));
  co_return Connected{std::move(*client), std::move(*commands)};
}

}  // namespace

Result<std::unique_ptr<Monitor>> connect(io::EventLoop& loop, const io::Endpoint& endpoint,
                                         ConnectOptions options) {
  RINGSIDE_TRY(Connected connected, io::run_blocking(loop, connect_client(endpoint, options)));
  return std::make_unique<BlockingMonitor>(loop, endpoint, std::move(connected.client),
                                           std::move(connected.commands));
}

}  // namespace ringside::qmp
