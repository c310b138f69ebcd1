// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio.

#include "base/bytes.h"
#include "base/io/event_loop_asio.h"
#include "base/io/listener.h"

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace ringside::agent {

/// A receiver of messages on a port of this machine: counts, can go and come back. What speaks the protocol
/// is `take`: it takes whole messages out of what a connection has sent, and gives what to answer.
class Receiver {
 public:
  struct Taken {
    std::vector<std::string> messages;
    std::string answer;
    bool close = false;
  };
  using Take = std::function<Taken(std::string& received)>;

  explicit Receiver(Take take, std::optional<io::ListenerTls> tls = {})
      : take_(std::move(take)), tls_(std::move(tls)) {
    start();
  }
  ~Receiver() { stop(); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  std::uint16_t port() const { return port_; }
  /// At the same port as before.
  void start() {
    loop_ = std::make_unique<io::EventLoop>();
    auto listener = io::listen_tcp(io::executor(*loop_), "127.0.0.1", port_, tls_);
    if (!listener) throw std::runtime_error(listener.error().message);
    listener_ = std::move(*listener);
    port_ = listener_->port();
    io::asio::co_spawn(io::executor(*loop_), accept_all(), io::asio::detached);
  }
  /// All connections are cut.
  void stop() {
    if (!loop_) return;
    std::promise<void> closed;
    io::asio::post(io::executor(*loop_), [&] {
      listener_->close();
      for (io::Stream* stream : streams_) stream->close();
      closed.set_value();
    });
    closed.get_future().wait();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return running_ == 0; });
    lock.unlock();
    loop_.reset();
    listener_.reset();
  }

  std::vector<std::string> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }
  /// Those that have come when there are so many.
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(30), [&] { return messages_.size() >= count; }))
      throw std::runtime_error("only " + std::to_string(messages_.size()) + " messages came");
    return messages_;
  }

 private:
  io::asio::awaitable<void> accept_all() {
    running(1);
    for (;;) {
      auto stream = co_await listener_->accept();
      if (!stream) break;
      io::asio::co_spawn(io::executor(*loop_), serve(std::move(*stream)), io::asio::detached);
    }
    running(-1);
  }
  io::asio::awaitable<void> serve(std::unique_ptr<io::Stream> stream) {
    running(1);
    streams_.push_back(stream.get());
    const auto shaken = co_await stream->handshake();
    std::string received;
    while (shaken) {
      std::array<char, 4096> buffer;
      const auto count = co_await stream->read_some(io::asio::buffer(buffer));
      if (!count) break;
      received.append(buffer.data(), *count);
      const Taken taken = take_(received);
      {
        const std::lock_guard lock(mutex_);
        messages_.insert(messages_.end(), taken.messages.begin(), taken.messages.end());
        changed_.notify_all();
      }
      if (!taken.answer.empty()) (void)co_await stream->write_all(io::asio::buffer(taken.answer));
      if (taken.close) break;
    }
    stream->close();
    streams_.erase(std::find(streams_.begin(), streams_.end(), stream.get()));
    running(-1);
  }
  void running(int by) {
    const std::lock_guard lock(mutex_);
    running_ += by;
    changed_.notify_all();
  }

  Take take_;
  std::optional<io::ListenerTls> tls_;
  std::uint16_t port_ = 0;
  std::unique_ptr<io::EventLoop> loop_;
  std::unique_ptr<io::Listener> listener_;
  std::vector<io::Stream*> streams_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> messages_;
  int running_ = 0;
};

/// Syslog with octet counting (RFC 6587).
inline Receiver::Taken take_counted(std::string& received) {
  Receiver::Taken taken;
  for (;;) {
    const std::size_t blank = received.find(' ');
    const auto size = blank == received.npos ? std::nullopt : parse_number(received.substr(0, blank));
    if (!size || received.size() < blank + 1 + *size) return taken;
    taken.messages.push_back(received.substr(blank + 1, *size));
    received.erase(0, blank + 1 + *size);
  }
}

/// HTTP: every request's header and body, as one message, answered with what `status` says for the body.
inline Receiver::Take take_http(std::function<unsigned(const std::string& body)> status) {
  return [status](std::string& received) -> Receiver::Taken {
    const std::size_t head = received.find("\r\n\r\n");
    if (head == received.npos) return {};
    const std::size_t at = received.find("Content-Length: ");
    const auto size = parse_number(received.substr(at + 16, received.find('\r', at) - at - 16));
    if (received.size() < head + 4 + *size) return {};
    const std::string body = received.substr(head + 4, *size);
    const unsigned code = status(body);
    Receiver::Taken taken;
    if (code / 100 == 2) taken.messages.push_back(received);
    taken.answer = "HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Length: 0\r\n\r\n";
    taken.close = true;
    return taken;
  };
}

/// The document in what take_http() keeps.
inline std::string body_of(const std::string& message) {
  return message.substr(message.find("\r\n\r\n") + 4);
}

}  // namespace ringside::agent
