// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/hook_source.h"

#include "agent/output/format.h"

#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

namespace ringside::agent {

namespace {

constexpr std::size_t kGuestBound = 4096;
constexpr mode_t kMode = 0660;

Error socket_error(const std::string& path, const std::string& what) {
  const bool denied = errno == EACCES || errno == EPERM || errno == EROFS;
  return {denied ? Errc::permission : Errc::io,
          fmt::format("cannot {} the hook's socket {}: {}", what, path, std::strerror(errno)),
          errno == ENOENT ? "its directory must exist: " + std::filesystem::path(path).parent_path().string()
                          : ""};
}

/// A socket file that nobody is bound to any more is removed; a live one, or another file, is left alone.
Result<void> clear_way(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode))
    return fail(Errc::refused, path + " is no socket: it is not removed", "choose another path for the hook");
  const int probe = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool alive =
      probe >= 0 && ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (probe >= 0) ::close(probe);
  if (alive)
    return fail(Errc::refused, "somebody listens on " + path + " already", "is another agent running?");
  if (::unlink(path.c_str()) != 0) return fail(socket_error(path, "remove what is left of"));
  return {};
}

}  // namespace

std::vector<uid_t> HookSource::libvirt_users() {
  std::vector<uid_t> users;
  for (const char* name : {"libvirt-qemu", "qemu"})
    if (const passwd* entry = ::getpwnam(name)) users.push_back(entry->pw_uid);
  return users;
}

HookSource::~HookSource() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
    thread_.join();
    ::unlink(options_.socket.c_str());
  }
  if (socket_ >= 0) ::close(socket_);
  if (wake_ >= 0) ::close(wake_);
}

Result<void> HookSource::open_socket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options_.socket.empty() || options_.socket.size() >= sizeof address.sun_path)
    return fail(Errc::invalid_argument, fmt::format("\"{}\" is no path for a socket", options_.socket),
                fmt::format("it has at most {} bytes", sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, options_.socket.data(), options_.socket.size());
  RINGSIDE_CHECK(clear_way(options_.socket, address));
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  // The mode is on the socket before the file appears, so it is never open to more than it should.
  if (socket_ < 0 || ::setsockopt(socket_, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
      ::fchmod(socket_, kMode) != 0 ||
      ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(options_.socket.c_str(), kMode) != 0)  // the umask took its part
    return fail(socket_error(options_.socket, "make"));
  return {};
}

Result<void> HookSource::start(std::function<void(const GuestNews&)> tell) {
  tell_ = std::move(tell);
  wake_ = ::eventfd(0, EFD_CLOEXEC);
  if (wake_ < 0) return fail(Errc::io, fmt::format("cannot make an event: {}", std::strerror(errno)));
  RINGSIDE_CHECK(open_socket());
  thread_ = std::thread([this] { run(); });
  return {};
}

HookSource::Counters HookSource::counters() const {
  return {.taken = taken_, .junk = junk_, .refused = refused_, .dropped = dropped_};
}

std::string HookSource::describe() const {
  const std::lock_guard lock(mutex_);
  const Counters seen = counters();
  std::string text = fmt::format("libvirt hook {}: {}, {}", options_.socket, counted(known_.size(), "guest"),
                                 counted(seen.taken, "message"));
  if (seen.junk + seen.refused + seen.dropped > 0)
    text += fmt::format(" ({} of junk, {} refused, {} dropped)", seen.junk, seen.refused, seen.dropped);
  return text;
}

void HookSource::run() {
  while (true) {
    std::array<pollfd, 2> fds{{{socket_, POLLIN, 0}, {wake_, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    if (fds[0].revents != 0) receive();
  }
}

bool HookSource::may_send(uid_t user) const {
  return user == 0 || user == ::geteuid() ||
         std::find(options_.users.begin(), options_.users.end(), user) != options_.users.end();
}

void HookSource::receive() {
  std::array<char, kHookMessageBound> bytes;
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  // Descriptors that somebody sends along do not fit and are closed by the kernel (unix(7)).
  const ssize_t size = ::recvmsg(socket_, &header, MSG_CMSG_CLOEXEC);
  if (size < 0) return;
  std::optional<ucred> sender;
  for (cmsghdr* part_of = CMSG_FIRSTHDR(&header); part_of != nullptr; part_of = CMSG_NXTHDR(&header, part_of))
    if (part_of->cmsg_level == SOL_SOCKET && part_of->cmsg_type == SCM_CREDENTIALS) {
      sender.emplace();
      std::memcpy(&*sender, CMSG_DATA(part_of), sizeof *sender);
    }
  if (!sender || !may_send(sender->uid)) {
    ++refused_;
    return;
  }
  if ((header.msg_flags & MSG_TRUNC) != 0) {
    ++junk_;
    return;
  }
  const auto message = parse_hook_message({bytes.data(), static_cast<std::size_t>(size)});
  if (!message) {
    ++junk_;
    return;
  }
  ++taken_;
  take(*message);
}

/// "started": QEMU runs its vCPUs. "reconnect": libvirt's daemon was restarted and found the domain again.
/// "attach" was how libvirt took over a foreign QEMU. "stopped" comes before QEMU's resources are given back.
void HookSource::take(const HookMessage& message) {
  const bool begins =
      message.operation == "started" || message.operation == "reconnect" || message.operation == "attach";
  const bool ends = message.operation == "stopped" || message.operation == "release";
  GuestNews news{GuestNews::Kind::appeared, {}, {}};
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(message.uuid);
    if (begins && known != known_.end()) {
      // Started while it runs: what told of its end was lost.
      if (message.operation != "started") return;
      tell_({GuestNews::Kind::gone, known->second, "libvirt started it anew"});
      news.candidate = known->second;
    } else if (begins) {
      if (known_.size() >= kGuestBound) {
        ++dropped_;
        return;
      }
      news.candidate.id = "hook:" + message.uuid;
      news.candidate.source = "hook";
      news.candidate.name = message.name;
      news.candidate.uuid = message.uuid;
      news.candidate.labels = options_.labels;
      news.candidate.endpoint.kind = io::Endpoint::Kind::libvirt;
      news.candidate.endpoint.domain = message.uuid;
      news.candidate.endpoint.uri = options_.uri;
      known_[message.uuid] = news.candidate;
    } else if (ends && known != known_.end()) {
      news.kind = GuestNews::Kind::gone;
      news.candidate = known->second;
      news.why = message.extra.empty() || message.extra == "-" ? "libvirt stopped it"
                                                               : "libvirt stopped it: " + message.extra;
      known_.erase(known);
    } else {
      return;
    }
  }
  tell_(news);
}

}  // namespace ringside::agent
