// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/webhook_receiver.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace ringside::lab {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

/// Listens; at any free port if `port` is 0, which then says which.
int listen_at(int& port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  socklen_t length = sizeof address;
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket, 16) != 0 || ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw std::runtime_error(fmt::format("port {}: {}", port, std::strerror(errno)));
  port = ntohs(address.sin_port);
  return socket;
}

}  // namespace

WebhookReceiver::WebhookReceiver() {
  ::close(listen_at(port_));
}

std::string WebhookReceiver::url() const {
  return fmt::format("http://127.0.0.1:{}/", port_);
}

void WebhookReceiver::come(bool answers) {
  leave();
  listening_ = listen_at(port_);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this, answers] { run(answers); });
}

void WebhookReceiver::leave() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!::write(stop_, &one, sizeof one);
  thread_.join();
  ::close(listening_);
  ::close(stop_);
}

std::vector<nlohmann::json> WebhookReceiver::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

void WebhookReceiver::run(bool answers) {
  for (;;) {
    pollfd both[2] = {{listening_, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (::poll(both, 2, -1) < 0) continue;
    if (both[1].revents != 0) return;
    const int connection = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    serve(connection, answers);
    ::close(connection);
  }
}

/// One request, after which the connection ends.
void WebhookReceiver::serve(int connection, bool answers) {
  std::string text;
  std::size_t wanted = std::string::npos;
  while (text.size() < wanted) {
    pollfd both[2] = {{connection, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (::poll(both, 2, -1) < 0) continue;
    if (both[1].revents != 0) return;
    char buffer[4096];
    const ssize_t count = ::recv(connection, buffer, sizeof buffer, 0);
    if (count <= 0) return;
    text.append(buffer, static_cast<std::size_t>(count));
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    const char* length = ::strcasestr(text.c_str(), "\r\nContent-Length:");
    wanted = end + 4 + (length == nullptr ? 0 : std::strtoul(length + 17, nullptr, 10));
  }
  {
    const std::lock_guard lock(mutex_);
    received_.push_back(nlohmann::json::parse(text.substr(text.find("\r\n\r\n") + 4), nullptr, false));
  }
  if (!answers) return;
  static constexpr std::string_view kAnswer =
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  (void)::send(connection, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
}

}  // namespace ringside::lab
