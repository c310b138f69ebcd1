// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/serial_console.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace ringside::lab {

Result<SerialConsole> SerialConsole::connect(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path)
    return fail(Errc::invalid_argument, "socket path too long: " + socket_path);
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  SerialConsole console(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(console.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(Errc::refused, socket_path + ": " + std::strerror(errno));
  return console;
}

SerialConsole::SerialConsole(SerialConsole&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      received_(std::move(other.received_)),
      commands_(other.commands_) {}

SerialConsole::~SerialConsole() {
  if (socket_ >= 0) close(socket_);
}

Result<std::string> SerialConsole::read_until(const std::string& text, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    if (const auto at = received_.find(text); at != std::string::npos) {
      std::string before = received_.substr(0, at);
      received_.erase(0, at + text.size());
      return before;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const std::string tail = received_.size() > 300 ? received_.substr(received_.size() - 300) : received_;
    if (left.count() <= 0)
      return fail(Errc::deadline, "the guest's console did not print '" + text + "': ..." + tail);
    pollfd waiting{socket_, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    char buffer[4096];
    const ssize_t n = recv(socket_, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(Errc::closed, "the guest's console closed: ..." + tail);
    received_.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<std::string> SerialConsole::run(const std::string& command, std::chrono::milliseconds deadline) {
  // The markers are put together by the guest's shell, so that an echo of the command line is never taken for
  // one.
  const unsigned number = ++commands_;
  const std::string line =
      fmt::format("echo ring''side-begin-{0}; {1}\necho ring''side-end-{0}\n", number, command);
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t n = send(socket_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(Errc::closed, "the guest's console closed");
    sent += static_cast<std::size_t>(n);
  }
  RINGSIDE_CHECK(read_until(fmt::format("ringside-begin-{}\n", number), deadline));
  return read_until(fmt::format("ringside-end-{}\n", number), deadline);
}

}  // namespace ringside::lab
