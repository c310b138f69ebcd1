// SPDX-License-Identifier: Apache-2.0
// usage: ringside-hook SOCKET DOMAIN OPERATION SUB-OPERATION EXTRA <DOMAIN-XML
//
// Sends the agent one datagram about what libvirt does (agent/sources/hook_message.h has its form), for the
// hook 50-ringside. It needs nothing but the C library, ends within a second whatever happens, always with
// success, and prints nothing. What cannot be sent at once is not sent: the agent hears of the domain by
// libvirt as well.
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr suseconds_t kMicrosecondsToLive = 800'000;
constexpr std::size_t kXmlBound = 256u << 10;  // bytes; the UUID stands in the third line

void end_in_time() {
  struct sigaction action {};
  action.sa_handler = [](int) { _exit(0); };
  ::sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  const itimerval time{{0, 0}, {0, kMicrosecondsToLive}};
  ::setitimer(ITIMER_REAL, &time, nullptr);
}

/// The text of the first <uuid> of the XML on standard input; names and all else that comes before it are
/// escaped.
std::string read_uuid() {
  constexpr std::string_view kStart = "<uuid>", kEnd = "</uuid>";
  std::string xml;
  std::array<char, 4096> buffer;
  while (xml.size() < kXmlBound) {
    const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    xml.append(buffer.data(), static_cast<std::size_t>(size));
    const std::size_t start = xml.find(kStart);
    const std::size_t end = xml.find(kEnd, start);
    if (start != std::string::npos && end != std::string::npos)
      return xml.substr(start + kStart.size(), end - start - kStart.size());
  }
  return {};
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      json += escape.data();
    } else {
      json += c;
    }
  }
  return json + '"';
}

}  // namespace

int main(int count, char** arguments) {
  end_in_time();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (count < 5 || std::strlen(arguments[1]) >= sizeof address.sun_path) return 0;
  std::strcpy(address.sun_path, arguments[1]);
  const std::string uuid = read_uuid();
  if (uuid.empty()) return 0;
  const std::string message =
      "{\"version\":1,\"name\":" + json_string(arguments[2]) + ",\"operation\":" + json_string(arguments[3]) +
      ",\"suboperation\":" + json_string(arguments[4]) +
      ",\"extra\":" + json_string(count > 5 ? arguments[5] : "-") + ",\"uuid\":" + json_string(uuid) + "}";
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket >= 0)
    (void)!::sendto(socket, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return 0;
}
