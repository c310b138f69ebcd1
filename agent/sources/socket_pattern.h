// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ringside::agent {

/// Which socket file stands at a path: another one after it was replaced, the same after chmod and chown.
struct SocketIdentity {
  std::uint64_t device = 0, inode = 0;
  std::int64_t born = 0;  ///< ns since the epoch; 0 where the file system does not tell
  auto operator<=>(const SocketIdentity&) const = default;
};

/// What a look at the file system found.
struct SocketMatches {
  std::map<std::string, SocketIdentity> sockets;  ///< by path
  bool cut_short = false;                         ///< there were more than kSocketBound
};
inline constexpr std::size_t kSocketBound = 4096;

/// A path to sockets in which every component may hold the wildcards of glob(7); a leading dot is matched
/// explicitly only.
class SocketPattern {
 public:
  /// A relative path is taken from the working directory. `invalid_argument` for an empty one.
  static Result<SocketPattern> parse(const std::string& text);
  const std::string& text() const { return text_; }

  /// Adds the sockets that match now. What is no socket is left out; a symbolic link counts as what it names.
  void find(SocketMatches& into) const;

  /// Adds the directories in which something that matters may come or go, each with what its entries must
  /// match to matter. A directory that does not exist yet is told of by the one that it would appear in.
  void watch_points(std::map<std::string, std::set<std::string>>& into) const;

 private:
  std::string text_;
  std::vector<std::string> components_;
};

/// Whether the entry `name` of a directory matches `component` of a pattern.
bool matches_component(const std::string& component, const std::string& name);

/// What people call the guest behind a socket: the file name without what says that it is a monitor ("vm1" of
/// /run/vm1.qmp.sock), or the directory's name where nothing else is left ("vm1" of /run/vm1/qmp.sock).
std::string name_of_socket(const std::string& path);

}  // namespace ringside::agent
