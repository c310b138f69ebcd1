// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/network.h"
#include "agent/outputs/sink.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ringside::agent {

namespace {

/// TCP and TLS: each message with its length before it (RFC 6587, 3.4.1; RFC 5425, 4.3).
class StreamSink final : public Sink {
 public:
  StreamSink(io::EventLoop& loop, const OutputConfig& config, io::Endpoint endpoint)
      : shown_(config.to), stream_(loop, std::move(endpoint), config.timeout) {}

  Sent send(std::span<const std::string> messages) override {
    std::string bytes;
    for (const auto& message : messages) bytes += fmt::format("{} {}", message.size(), message);
    if (auto written = stream_.write(bytes); !written) return {0, written.error().within(shown_), false};
    return {messages.size(), std::nullopt, false};
  }
  void cancel() override { stream_.cancel(); }

 private:
  std::string shown_;
  OutgoingStream stream_;
};

/// A message a datagram: to a host (UDP, RFC 5426) or to a socket of this machine.
class DatagramSink final : public Sink {
 public:
  DatagramSink(std::string shown, std::string host, std::string port, std::string path)
      : shown_(std::move(shown)), host_(std::move(host)), port_(std::move(port)), path_(std::move(path)) {}
  ~DatagramSink() override { close(); }

  Sent send(std::span<const std::string> messages) override {
    Sent sent;
    for (const auto& message : messages) {
      if (auto done = send_one(message); !done) {
        close();
        sent.error = std::move(done).error();
        return sent;
      }
      ++sent.taken;
    }
    return sent;
  }
  void cancel() override {}  // nothing here waits but a look-up of a name

 private:
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }
  Error failed() const { return {Errc::io, fmt::format("{}: {}", shown_, std::strerror(errno)), {}}; }

  // A connected socket tells that nobody listens (ICMP), if only at the next message.
  Result<void> connect() {
    if (path_.empty()) return connect_udp();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0 || ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return fail(failed());
    return {};
  }

  Result<void> connect_udp() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(host_.c_str(), port_.c_str(), &hints, &found); error != 0)
      return fail(Errc::refused, fmt::format("{}: {}", shown_, ::gai_strerror(error)));
    Result<void> result = fail(Errc::refused, shown_ + ": the host has no address");
    for (const addrinfo* one = found; one != nullptr && !result; one = one->ai_next) {
      close();
      descriptor_ = ::socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      if (descriptor_ >= 0 && ::connect(descriptor_, one->ai_addr, one->ai_addrlen) == 0)
        result = {};
      else
        result = fail(failed());
    }
    ::freeaddrinfo(found);
    return result;
  }

  Result<void> send_one(const std::string& message) {
    if (descriptor_ < 0) RINGSIDE_CHECK(connect());
    for (std::size_t size = message.size();;) {
      if (::send(descriptor_, message.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
      if (errno == EINTR) continue;
      // What is too long for a datagram on this way loses its end, as RFC 5424, 6.1 has it.
      if (errno != EMSGSIZE || size <= kLeast) return fail(failed());
      size = std::max(size / 2, kLeast);
    }
  }

  static constexpr std::size_t kLeast = 480;  // every receiver takes so much (RFC 5424, 6.1)
  std::string shown_, host_, port_, path_;
  int descriptor_ = -1;
};

}  // namespace

Result<std::unique_ptr<Sink>> make_syslog_sink(const OutputConfig& config, io::EventLoop& loop) {
  const std::string& to = config.to;
  if (to.starts_with('/')) {
    if (to.size() >= sizeof(sockaddr_un::sun_path))
      return fail(Errc::invalid_argument, fmt::format("the path of the socket {} is too long", to));
    return std::make_unique<DatagramSink>(to, "", "", to);
  }
  const bool udp = to.starts_with("udp:");
  auto endpoint = io::parse_endpoint(udp ? "tcp:" + to.substr(4) : to);
  if (!endpoint || endpoint->kind == io::Endpoint::Kind::unix_socket)
    return fail(Errc::invalid_argument, fmt::format("'{}' is no way to a syslog server", to),
                "write udp:HOST:PORT, tcp:HOST:PORT, tls:HOST:PORT or the path of a socket (/dev/log)");
  if (udp) return std::make_unique<DatagramSink>(to, endpoint->host, std::to_string(endpoint->port), "");
  endpoint->tls = config.tls;
  return std::make_unique<StreamSink>(loop, config, std::move(*endpoint));
}

}  // namespace ringside::agent
