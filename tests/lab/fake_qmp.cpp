// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/fake_qmp.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace ringside::lab {

using std::chrono::milliseconds;

FakeQmp::Peer::Came FakeQmp::Peer::wait(milliseconds time, short events) {
  if (ended_) return Came::end;
  pollfd both[2] = {{socket_, events, 0}, {stop_, POLLIN, 0}};
  const int ready = ::poll(both, 2, static_cast<int>(std::min<long>(time.count(), 3'600'000)));
  if (both[1].revents != 0) ended_ = true;
  if (ready <= 0) return Came::nothing;
  if ((both[0].revents & (POLLERR | POLLNVAL)) != 0) ended_ = true;
  return ended_ ? Came::end : Came::bytes;
}

bool FakeQmp::Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent_ += static_cast<std::uint64_t>(count);
      all_sent_ += static_cast<std::uint64_t>(count);
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN || wait(std::chrono::hours(1), POLLOUT) != Came::bytes) {
      ended_ = true;
      return false;
    }
  }
  return !ended_;
}

bool FakeQmp::Peer::greet() {
  return say({{"QMP",
               {{"version",
                 {{"qemu", {{"major", 7}, {"minor", 2}, {"micro", 22}}}, {"package", "Debian 1:7.2+dfsg-7"}}},
                {"capabilities", {"oob"}}}}});
}

bool FakeQmp::Peer::refuse(const Json& command, const std::string& why) {
  return say({{"error", {{"class", "GenericError"}, {"desc", why}}}, {"id", command["id"]}});
}

bool FakeQmp::Peer::receive(milliseconds time) {
  const Came came = wait(time, POLLIN);
  if (came == Came::nothing) return true;
  if (came == Came::end) return false;
  char buffer[4096];
  const ssize_t count = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
  if (count > 0) {
    received_.append(buffer, static_cast<std::size_t>(count));
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    ended_ = true;
  }
  return !ended_;
}

std::optional<FakeQmp::Json> FakeQmp::Peer::take_line() {
  const auto end = received_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  Json command = Json::parse(received_.substr(0, end), nullptr, false);
  received_.erase(0, end + 1);
  return command;
}

std::optional<FakeQmp::Json> FakeQmp::Peer::command() {
  for (;;) {
    if (auto command = take_line()) return command;
    if (!receive(std::chrono::hours(1))) return std::nullopt;
  }
}

std::optional<FakeQmp::Json> FakeQmp::Peer::command_at_hand() {
  receive(milliseconds(0));
  return take_line();
}

bool FakeQmp::Peer::stay(milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return !ended_;
    if (!receive(left)) return false;
  }
}

FakeQmp::FakeQmp(std::string path, Script script) : path_(std::move(path)), script_(std::move(script)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) throw std::runtime_error(path_ + ": too long for a socket");
  std::memcpy(address.sun_path, path_.c_str(), path_.size());
  listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  if (::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listening_, 1) != 0)
    throw std::runtime_error(path_ + ": " + std::strerror(errno));
  thread_ = std::thread([this] { run(); });
}

FakeQmp::~FakeQmp() {
  const std::uint64_t one = 1;
  (void)!::write(stop_, &one, sizeof one);
  thread_.join();
  ::close(listening_);
  ::close(stop_);
  ::unlink(path_.c_str());
}

void FakeQmp::run() {
  for (;;) {
    pollfd both[2] = {{listening_, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (::poll(both, 2, -1) < 0) continue;
    if (both[1].revents != 0) return;
    const int socket = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    ++connections_;
    Peer peer(socket, stop_, sent_);
    script_(peer);
    most_sent_ = std::max(most_sent_.load(), peer.sent_);
    ::close(socket);
  }
}

namespace {
/// Memory of this process that stands for the guest's: zeros.
std::uintptr_t memory_of_nobody() {
  static void* const memory =
      ::mmap(nullptr, 256u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return reinterpret_cast<std::uintptr_t>(memory);
}
}  // namespace

std::optional<nlohmann::json> plausible_answer(const nlohmann::json& command) {
  using Json = nlohmann::json;
  const std::string name = command.value("execute", "");
  if (name == "query-commands") {
    Json all = Json::array();
    for (const char* one : {"query-status", "query-memdev", "stop", "cont", "human-monitor-command",
                            "pmemsave", "xen-save-devices-state", "add-fd", "remove-fd", "getfd", "closefd"})
      all.push_back({{"name", one}});
    return all;
  }
  if (name == "query-target") return Json{{"arch", "x86_64"}};
  if (name == "query-version")
    return Json{{"qemu", {{"major", 7}, {"minor", 2}, {"micro", 22}}}, {"package", "Debian 1:7.2+dfsg-7"}};
  if (name == "query-name") return Json::object();
  if (name == "query-uuid") return Json{{"UUID", "00000000-0000-0000-0000-000000000000"}};
  if (name == "query-kvm") return Json{{"enabled", false}, {"present", false}};
  if (name == "query-status") return Json{{"running", true}, {"singlestep", false}, {"status", "running"}};
  if (name == "qom-list" || name == "query-memdev") return Json::array();
  if (name == "query-cpus-fast")
    return Json{{{"cpu-index", 0}, {"qom-path", "/machine/unattached/device[0]"}, {"thread-id", 1}}};
  if (name == "qmp_capabilities" || name == "stop" || name == "cont") return Json::object();
  if (name != "human-monitor-command") return std::nullopt;
  const std::string line = command["arguments"].value("command-line", "");
  if (line == "info mtree -f")
    return "FlatView #0\r\n AS \"memory\", root: system\r\n Root memory region: system\r\n"
           "  0000000000000000-000000000fffffff (prio 0, ram): pc.ram\r\n\r\n";
  if (line.starts_with("gpa2hva"))
    return fmt::format("Host virtual address for {} (pc.ram) is {:#x}\r\n", line.substr(8),
                       memory_of_nobody());
  if (line.starts_with("info registers")) {
    std::string text = "\r\nCPU#0\r\n";
    for (const char* one : {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP", "R8 ", "R9 ", "R10",
                            "R11", "R12", "R13", "R14", "R15"})
      text += fmt::format("{}=0000000000000000 ", one);
    text += "\r\nRIP=ffffffff81000000 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n";
    for (const char* one : {"ES ", "CS ", "SS ", "DS ", "FS ", "GS ", "LDT", "TR "})
      text += fmt::format("{}=0000 0000000000000000 ffffffff 00c00000\r\n", one);
    text +=
        "GDT=     fffffe0000001000 0000007f\r\nIDT=     fffffe0000000000 00000fff\r\n"
        "CR0=80050033 CR2=0000000000000000 CR3=0000000001068000 CR4=00000ef0\r\n"
        "DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000 \r\n"
        "DR6=00000000ffff0ff0 DR7=0000000000000400\r\nEFER=0000000000000d01\r\n";
    return text;
  }
  return "unknown command: '" + line + "'\r\n";
}

void converse(FakeQmp::Peer& peer,
              const std::function<std::optional<nlohmann::json>(const nlohmann::json&)>& answer,
              std::size_t commands) {
  if (!peer.greet()) return;
  for (; commands > 0; --commands) {
    const auto command = peer.command();
    if (!command) return;
    const auto value = answer(*command);
    if (!(value ? peer.reply(*command, *value) : peer.refuse(*command, "The command has not been found")))
      return;
  }
}

}  // namespace ringside::lab
