// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/socket_pattern.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

namespace ringside::agent {

namespace {

namespace fs = std::filesystem;

bool has_wildcard(const std::string& component) {
  return component.find_first_of("*?[") != std::string::npos;
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::string below(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

std::optional<SocketIdentity> socket_at(const std::string& path) {
  struct statx info {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_TYPE | STATX_INO | STATX_BTIME, &info) != 0) return {};
  if (!S_ISSOCK(info.stx_mode)) return {};
  SocketIdentity identity{.device = std::uint64_t{info.stx_dev_major} << 32 | info.stx_dev_minor,
                          .inode = info.stx_ino};
  if ((info.stx_mask & STATX_BTIME) != 0)
    identity.born = info.stx_btime.tv_sec * 1'000'000'000 + info.stx_btime.tv_nsec;
  return identity;
}

/// The entries of `directory` that match; calls `take` until it says stop.
template <class Take>
void each_match(const std::string& directory, const std::string& component, Take take) {
  if (!has_wildcard(component)) {
    take(below(directory, component));
    return;
  }
  std::error_code error;
  for (fs::directory_iterator it(directory, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error))
    if (const std::string name = it->path().filename().string(); matches_component(component, name))
      if (!take(below(directory, name))) return;
}

}  // namespace

bool matches_component(const std::string& component, const std::string& name) {
  return ::fnmatch(component.c_str(), name.c_str(), FNM_PERIOD) == 0;
}

Result<SocketPattern> SocketPattern::parse(const std::string& text) {
  if (text.empty() || text.find('\0') != std::string::npos)
    return fail(Errc::invalid_argument, "a pattern for sockets is empty or holds a zero byte");
  std::error_code error;
  const fs::path path = fs::absolute(text, error).lexically_normal();
  if (error) return fail(Errc::io, text + ": " + error.message());
  SocketPattern pattern;
  pattern.text_ = path.string();
  for (const fs::path& part : path.relative_path())
    if (!part.empty()) pattern.components_.push_back(part.string());
  if (pattern.components_.empty() || pattern.text_.ends_with('/'))
    return fail(Errc::invalid_argument, text + " names a directory, not sockets",
                "write " + pattern.text_ + "* for all sockets in it");
  return pattern;
}

void SocketPattern::find(SocketMatches& into) const {
  std::vector<std::string> directories{"/"};
  for (std::size_t i = 0; i + 1 < components_.size(); ++i) {
    std::vector<std::string> next;
    for (const std::string& directory : directories)
      each_match(directory, components_[i], [&](std::string path) {
        if (next.size() >= kSocketBound) {
          into.cut_short = true;
          return false;
        }
        if (is_directory(path)) next.push_back(std::move(path));
        return true;
      });
    directories = std::move(next);
  }
  for (const std::string& directory : directories)
    each_match(directory, components_.back(), [&](const std::string& path) {
      const auto identity = socket_at(path);
      if (!identity) return true;
      if (into.sockets.size() >= kSocketBound && !into.sockets.contains(path)) {
        into.cut_short = true;
        return false;
      }
      into.sockets[path] = *identity;
      return true;
    });
}

void SocketPattern::watch_points(std::map<std::string, std::set<std::string>>& into) const {
  std::vector<std::string> directories{"/"};
  for (std::size_t i = 0; i < components_.size(); ++i) {
    const bool last = i + 1 == components_.size();
    std::vector<std::string> next;
    for (const std::string& directory : directories) {
      // Where the next component is plain and there, its own end is what tells of a change.
      const bool settled =
          !last && !has_wildcard(components_[i]) && is_directory(below(directory, components_[i]));
      if (!settled) into[directory].insert(components_[i]);
      if (!last)
        each_match(directory, components_[i], [&](std::string path) {
          if (next.size() >= kSocketBound) return false;
          if (is_directory(path)) next.push_back(std::move(path));
          return true;
        });
    }
    directories = std::move(next);
  }
}

std::string name_of_socket(const std::string& path) {
  static constexpr std::array<std::string_view, 6> kNoNames{"sock",    "socket", "qmp",
                                                            "monitor", "mon",    "qemu"};
  const auto says_nothing = [](std::string_view word) {
    return std::find(kNoNames.begin(), kNoNames.end(), word) != kNoNames.end();
  };
  std::string name = fs::path(path).filename().string();
  while (true) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos || dot == 0 || !says_nothing(std::string_view(name).substr(dot + 1))) break;
    name.resize(dot);
  }
  const std::string directory = fs::path(path).parent_path().filename().string();
  return says_nothing(name) && !directory.empty() ? directory : name;
}

}  // namespace ringside::agent
