// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/directory_watch.h"

#include "agent/sources/socket_pattern.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>

namespace ringside::agent {

namespace {

constexpr std::uint32_t kEvents =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
/// What is made usually comes in pieces (directory, socket): one look for all of them.
constexpr int kSettleMs = 10;
constexpr int kRoundsAtOnce = 20;

}  // namespace

Result<std::unique_ptr<DirectoryWatch>> DirectoryWatch::create() {
  std::unique_ptr<DirectoryWatch> watch(new DirectoryWatch);
  watch->inotify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  watch->wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (watch->inotify_ < 0 || watch->wake_ < 0)
    return fail(Errc::io, fmt::format("cannot watch directories: {}", std::strerror(errno)),
                "raise fs.inotify.max_user_instances");
  return watch;
}

DirectoryWatch::~DirectoryWatch() {
  if (inotify_ >= 0) ::close(inotify_);
  if (wake_ >= 0) ::close(wake_);
}

Result<void> DirectoryWatch::watch(const std::map<std::string, std::set<std::string>>& points) {
  for (auto it = watched_.begin(); it != watched_.end();) {
    if (points.contains(it->first)) {
      ++it;
      continue;
    }
    ::inotify_rm_watch(inotify_, it->second);
    points_.erase(it->second);
    it = watched_.erase(it);
  }
  std::optional<Error> failed;
  for (const auto& [path, components] : points) {
    // Asked for every time: a directory that was replaced has the same path and needs another watch.
    const int id = ::inotify_add_watch(inotify_, path.c_str(), kEvents);
    if (id < 0) {
      if (errno != ENOENT && errno != ENOTDIR && !failed)  // those have just gone
        failed = Error{Errc::io, fmt::format("cannot watch {}: {}", path, std::strerror(errno)),
                       errno == ENOSPC ? "raise fs.inotify.max_user_watches" : ""};
      continue;
    }
    if (const auto known = watched_.find(path); known != watched_.end() && known->second != id) {
      ::inotify_rm_watch(inotify_, known->second);
      points_.erase(known->second);
    }
    watched_[path] = id;
    // Two paths to one directory share a watch: both count.
    Point& point = points_[id];
    if (point.path != path) point = Point{path, {}};
    point.components = components;
  }
  if (failed) return fail(std::move(*failed));
  return {};
}

/// True if one of them matters.
bool DirectoryWatch::read_events() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  bool matters = false;
  while (true) {
    const ssize_t size = ::read(inotify_, buffer.data(), buffer.size());
    if (size <= 0) return matters;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string name =
          event.len > 0 ? std::string(buffer.data() + at + sizeof event) : std::string();  // zero-padded
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
        matters = true;
        continue;
      }
      const auto point = points_.find(event.wd);
      if (point == points_.end()) continue;
      const auto& components = point->second.components;
      matters |= std::any_of(components.begin(), components.end(), [&](const std::string& component) {
        return matches_component(component, name);
      });
    }
  }
}

DirectoryWatch::Ended DirectoryWatch::wait(std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + timeout;
  bool changed = false;
  for (int rounds_since = 0; rounds_since < kRoundsAtOnce;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    std::array<pollfd, 2> fds{{{inotify_, POLLIN, 0}, {wake_, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(),
                             changed ? kSettleMs : static_cast<int>(std::clamp<long>(left, 0, INT_MAX)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    if (fds[1].revents != 0) {
      std::uint64_t count = 0;
      (void)!::read(wake_, &count, sizeof count);
      return Ended::by_wake;
    }
    changed = read_events() || changed;
    if (changed) ++rounds_since;
  }
  return changed ? Ended::by_change : Ended::by_time;
}

void DirectoryWatch::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

}  // namespace ringside::agent
