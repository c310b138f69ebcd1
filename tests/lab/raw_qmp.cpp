// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/raw_qmp.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace ringside::lab {
namespace {

constexpr std::chrono::seconds kReplyDeadline{60};

RawQmp::Json hmp_arguments(const std::string& line, std::optional<unsigned> cpu) {
  RawQmp::Json arguments = {{"command-line", line}};
  if (cpu) arguments["cpu-index"] = *cpu;
  return arguments;
}

}  // namespace

Result<RawQmp> RawQmp::connect(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path)
    return fail(Errc::invalid_argument, "socket path too long: " + socket_path);
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  RawQmp qmp(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(qmp.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(Errc::refused, socket_path + ": " + std::strerror(errno));
  RINGSIDE_TRY(const Json greeting, qmp.next_message(kReplyDeadline));
  if (!greeting.contains("QMP")) return fail(Errc::malformed, "no QMP greeting");
  RINGSIDE_CHECK(qmp.execute("qmp_capabilities"));
  return qmp;
}

RawQmp::RawQmp(RawQmp&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      last_id_(other.last_id_),
      received_(std::move(other.received_)),
      events_(std::move(other.events_)) {}

RawQmp::~RawQmp() {
  if (socket_ >= 0) close(socket_);
}

Result<void> RawQmp::send(const Json& message) {
  const std::string text = message.dump() + "\n";
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(Errc::closed, std::string("QMP send: ") + std::strerror(errno));
    sent += static_cast<std::size_t>(n);
  }
  return {};
}

Result<RawQmp::Json> RawQmp::next_message(std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    if (const auto newline = received_.find('\n'); newline != std::string::npos) {
      Json message = Json::parse(received_.substr(0, newline), nullptr, false);
      received_.erase(0, newline + 1);
      if (message.is_discarded()) return fail(Errc::malformed, "QMP line is no JSON");
      return message;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{socket_, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Errc::deadline, "QMP is silent");
    char buffer[65536];
    const ssize_t n = recv(socket_, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(Errc::closed, "QMP connection lost");
    received_.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<RawQmp::Json> RawQmp::next_reply(std::uint64_t id) {
  for (;;) {
    RINGSIDE_TRY(Json message, next_message(kReplyDeadline));
    if (message.contains("event")) {
      events_.push_back(std::move(message));
      continue;
    }
    if (message.value("id", Json()) != id) continue;
    if (message.contains("error")) {
      const Json& error = message["error"];
      return fail(Errc::peer_error, error.value("class", "") + ": " + error.value("desc", ""));
    }
    return message["return"];
  }
}

Result<RawQmp::Json> RawQmp::execute(const std::string& command, Json arguments) {
  const std::uint64_t id = ++last_id_;
  RINGSIDE_CHECK(send({{"execute", command}, {"arguments", std::move(arguments)}, {"id", id}}));
  return next_reply(id);
}

std::string RawQmp::hmp(const std::string& line, std::optional<unsigned> cpu) {
  const Result<Json> reply = execute("human-monitor-command", hmp_arguments(line, cpu));
  if (!reply) throw std::runtime_error("HMP '" + line + "': " + reply.error().message);
  return reply->get<std::string>();
}

std::vector<std::string> RawQmp::hmp_batch(const std::vector<std::string>& lines) {
  // QEMU stops reading at some in-flight requests, so few enough go out at once that neither side's buffer
  // fills.
  constexpr std::size_t kInFlight = 64;
  std::vector<std::string> answers;
  for (std::size_t first = 0; first < lines.size(); first += kInFlight) {
    const std::size_t last = std::min(lines.size(), first + kInFlight);
    const std::uint64_t base = last_id_;
    for (std::size_t i = first; i < last; ++i) {
      const Result<void> sent = send({{"execute", "human-monitor-command"},
                                      {"arguments", hmp_arguments(lines[i], {})},
                                      {"id", ++last_id_}});
      if (!sent) throw std::runtime_error(sent.error().message);
    }
    for (std::size_t i = first; i < last; ++i) {
      const Result<Json> reply = next_reply(base + (i - first) + 1);
      if (!reply) throw std::runtime_error("HMP '" + lines[i] + "': " + reply.error().message);
      answers.push_back(reply->get<std::string>());
    }
  }
  return answers;
}

std::string RawQmp::status() {
  const Result<Json> reply = execute("query-status");
  if (!reply) throw std::runtime_error("query-status: " + reply.error().message);
  return reply->value("status", "");
}

const std::vector<RawQmp::Json>& RawQmp::events() {
  // A round trip: what QEMU emitted before its answer has arrived with it.
  (void)execute("query-status");
  return events_;
}

std::size_t RawQmp::count(const std::string& name) {
  std::size_t n = 0;
  for (const Json& event : events()) n += event.value("event", "") == name ? 1 : 0;
  return n;
}

void RawQmp::clear_events() {
  (void)events();
  events_.clear();
}

bool RawQmp::wait_event(const std::string& name, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (std::chrono::steady_clock::now() < end) {
    Result<Json> message = next_message(
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()));
    if (!message) return false;
    events_.push_back(std::move(*message));
    if (events_.back().value("event", "") == name) return true;
  }
  return false;
}

}  // namespace ringside::lab
