// SPDX-License-Identifier: Apache-2.0
#include "qmp/client.h"

#include "base/io/deadline.h"
#include "qmp/client_machine.h"
#include "qmp/event_hub.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <map>
#include <random>

namespace ringside::qmp {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::uint64_t random_first_id() {
  std::random_device random;
  return std::uint64_t{random() & 0xffff'ffffU}
         << 20;  // stays below 2^53, which every JSON reader holds exactly
}

/// A copy of a file descriptor, or none.
class Descriptor {
 public:
  static Descriptor none() { return Descriptor(-1); }
  /// None if `descriptor` is not open: errno says why.
  static Descriptor copy_of(int descriptor) { return Descriptor(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)); }
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// A caller that waits: its timer ends at the deadline, or is cancelled when the result is there.
struct PendingCall {
  PendingCall(const asio::any_io_executor& executor, milliseconds deadline, Descriptor passed)
      : timer(executor, deadline), descriptor(std::move(passed)) {}
  asio::steady_timer timer;
  Descriptor descriptor;
  std::optional<Result<Json>> result;
};

/// Events that are taken within a second. QEMU itself holds most kinds back to one a second
/// (monitor/monitor.c, monitor_qapi_event_conf); whoever sends more is read more slowly, so that others are
/// not.
constexpr unsigned kEventsASecond = 2'000;

Error monitor_busy(milliseconds deadline) {
  return {Errc::monitor_busy, fmt::format("the monitor gave no greeting within {} ms", deadline.count()),
          "another client holds it, and QEMU serves one: give QEMU one more monitor "
          "(-qmp unix:PATH,server=on,wait=off)"};
}

}  // namespace

/// Shared by the client and by its two pumps, which keep it until their last operation has ended.
class Client::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::unique_ptr<io::Stream> stream, ClientMachine::Options options)
      : stream_(std::move(stream)),
        executor_(stream_->executor()),
        machine_(options),
        more_to_write_(executor_, steady_clock::time_point::max()),
        progress_(executor_),
        breath_(executor_) {}

  asio::awaitable<Result<void>> start(ConnectOptions options) {
    const auto pump_ended = [self = shared_from_this()](const std::exception_ptr& exception) {
      if (exception) self->lost({Errc::closed, "not enough memory for what it sent", {}});
    };
    asio::co_spawn(executor_, read_loop(shared_from_this()), pump_ended);
    asio::co_spawn(executor_, write_loop(shared_from_this()), pump_ended);
    auto greeted = wait_until([this] { return machine_.greeting().has_value(); }, options.greeting_deadline);
    const bool in_time = co_await std::move(greeted);
    if (ended_) co_return fail(*ended_);
    if (!in_time) co_return give_up(monitor_busy(options.greeting_deadline));
    auto negotiated = wait_until([this] { return ready_; }, options.connect_deadline);
    const bool done = co_await std::move(negotiated);
    if (ended_) co_return fail(*ended_);
    if (!done) co_return give_up(io::deadline_error("negotiating capabilities", options.connect_deadline));
    co_return Result<void>{};
  }

  /// Static, with a reference of its own: the client may be destroyed before the coroutine runs.
  static asio::awaitable<Result<Json>> execute(std::shared_ptr<Connection> self, std::string command,
                                               Json arguments, CallOptions options) {
    if (options.descriptor >= 0 && !self->stream_->carries_descriptors())
      co_return fail(Errc::unsupported, command + ": file descriptors can be passed over a Unix socket only");
    // A copy: while we still write, the caller may have given up, closed its own and used the number again.
    Descriptor passed =
        options.descriptor >= 0 ? Descriptor::copy_of(options.descriptor) : Descriptor::none();
    if (options.descriptor >= 0 && passed.get() < 0)
      co_return fail(Errc::invalid_argument,
                     fmt::format("cannot pass descriptor {}: {}", options.descriptor, std::strerror(errno)));
    const auto id = self->machine_.submit(command, arguments);
    if (!id) co_return fail(id.error());
    const auto call =
        std::make_shared<PendingCall>(self->executor_, io::bounded(options.deadline), std::move(passed));
    self->calls_.emplace(*id, call);
    self->more_to_write_.cancel();
    const auto [cancelled] = co_await call->timer.async_wait(kTuple);
    self->calls_.erase(*id);
    if (call->result) co_return std::move(*call->result);
    self->machine_.abandon(*id);
    if (cancelled) co_return fail(Errc::cancelled, command + ": cancelled");
    co_return fail(io::deadline_error(command, options.deadline));
  }

  void close(const Error& why) {
    machine_.end(why);
    act();
  }

  EventHub& events() { return events_; }
  const Greeting& greeting() const { return *machine_.greeting(); }
  bool connected() const { return connected_; }
  std::optional<io::PeerCredentials> peer() const { return stream_->peer(); }

 private:
  static asio::awaitable<void> read_loop(std::shared_ptr<Connection> self) {
    Bytes buffer(64u << 10);
    while (!self->ended_) {
      auto reading = self->stream_->read_some(asio::buffer(buffer));
      const Result<std::size_t> count = co_await std::move(reading);
      if (!count) co_return self->lost(count.error());
      self->machine_.receive(ByteView(buffer).first(*count));
      self->act();
      if (self->events_taken_ < kEventsASecond) continue;
      if (self->ended_) co_return;
      self->breath_.expires_at(self->second_began_ + std::chrono::seconds(1));
      co_await self->breath_.async_wait(kTuple);
    }
  }

  static asio::awaitable<void> write_loop(std::shared_ptr<Connection> self) {
    while (!self->ended_) {
      const auto write = self->machine_.next_write();
      if (!write) {
        co_await self->more_to_write_.async_wait(kTuple);
        continue;
      }
      const auto call = self->calls_.find(write->id);
      // Held for as long as it is written, even if the caller gives up meanwhile.
      const std::shared_ptr<PendingCall> held = call != self->calls_.end() ? call->second : nullptr;
      const auto bytes = asio::buffer(write->bytes);
      auto writing = held && held->descriptor.get() >= 0
                         ? self->stream_->write_with_descriptor(bytes, held->descriptor.get())
                         : self->stream_->write_all(bytes);
      const Result<void> written = co_await std::move(writing);
      if (!written) co_return self->lost(written.error());
    }
  }

  /// Carries out what the machine made of its input.
  void act() {
    while (auto action = machine_.next_action()) {
      if (auto* finished = std::get_if<ClientMachine::Finished>(&*action)) {
        const auto call = calls_.find(finished->id);
        if (call == calls_.end()) continue;
        call->second->result = std::move(finished->result);
        call->second->timer.cancel();
      } else if (const auto* event = std::get_if<Event>(&*action)) {
        count_event();
        events_.publish(*event);
      } else if (auto* ended = std::get_if<ClientMachine::Ended>(&*action)) {
        ended_ = std::move(ended->why);
        connected_ = false;
        stream_->close();
        breath_.cancel();
      } else {
        ready_ = true;
      }
    }
    more_to_write_.cancel();
    progress_.cancel();
  }

  void count_event() {
    const auto now = steady_clock::now();
    if (now - second_began_ >= std::chrono::seconds(1)) {
      second_began_ = now;
      events_taken_ = 0;
    }
    ++events_taken_;
  }

  void lost(Error why) {
    const bool has_greeted = machine_.greeting().has_value();
    if (why.code == Errc::io || why.code == Errc::cancelled) why.code = Errc::closed;
    why.message =
        (has_greeted ? "the monitor's connection is lost: " : "no QMP greeting came: ") + why.message;
    close(why);
  }

  tl::unexpected<Error> give_up(const Error& why) {
    close(why);
    return fail(why);
  }

  /// Whether `condition` came to hold in time; false too if the connection ended.
  template <class Condition>
  asio::awaitable<bool> wait_until(Condition condition, milliseconds deadline) {
    const auto end = steady_clock::now() + io::bounded(deadline);
    while (!ended_ && !condition()) {
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) {
        close({Errc::cancelled, "connecting: cancelled", {}});
        break;
      }
      progress_.expires_at(end);
      const auto [interrupted] = co_await progress_.async_wait(kTuple);
      if (!interrupted) break;
    }
    co_return !ended_ && condition();
  }

  std::unique_ptr<io::Stream> stream_;
  asio::any_io_executor executor_;
  ClientMachine machine_;
  EventHub events_;
  std::map<ClientMachine::CallId, std::shared_ptr<PendingCall>> calls_;
  asio::steady_timer more_to_write_;  ///< never expires: cancelled when there may be something to write
  asio::steady_timer progress_;       ///< cancelled when the machine has moved on; start() waits on it
  asio::steady_timer breath_;         ///< the reader waits on it after too many events
  steady_clock::time_point second_began_{};
  unsigned events_taken_ = 0;  ///< since then
  bool ready_ = false;
  std::optional<Error> ended_;
  std::atomic<bool> connected_ = true;
};

Client::Client(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

Client::~Client() {
  connection_->close({Errc::closed, "the connection was closed here", {}});
}

asio::awaitable<Result<std::unique_ptr<Client>>> Client::connect(io::Endpoint endpoint,
                                                                 ConnectOptions options, std::size_t window) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const std::string name = io::to_string(endpoint);
  auto connecting = io::connect(std::move(endpoint), options.connect_deadline);
  Result<std::unique_ptr<io::Stream>> stream = co_await std::move(connecting);
  if (!stream) co_return fail(std::move(stream).error());
  auto starting = start(std::move(*stream), options, window);
  Result<std::unique_ptr<Client>> client = co_await std::move(starting);
  if (!client) co_return fail(client.error().within(name));
  co_return std::move(client);
}

asio::awaitable<Result<std::unique_ptr<Client>>> Client::start(std::unique_ptr<io::Stream> stream,
                                                               ConnectOptions options, std::size_t window) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto connection = std::make_shared<Connection>(
      std::move(stream), ClientMachine::Options{options.message_bound, window, random_first_id()});
  // From here on the client's destructor closes the connection on every path out.
  std::unique_ptr<Client> client(new Client(connection));
  auto starting = connection->start(options);
  const Result<void> started = co_await std::move(starting);
  if (!started) co_return fail(started.error());
  co_return std::move(client);
}

asio::awaitable<Result<Json>> Client::execute(std::string command, Json arguments, CallOptions options) {
  return Connection::execute(connection_, std::move(command), std::move(arguments), options);
}

Subscription Client::subscribe(std::function<void(const Event&)> handler) {
  return connection_->events().subscribe(std::move(handler));
}

bool Client::connected() const {
  return connection_->connected();
}
const Greeting& Client::greeting() const {
  return connection_->greeting();
}
std::optional<io::PeerCredentials> Client::peer() const {
  return connection_->peer();
}

}  // namespace ringside::qmp
