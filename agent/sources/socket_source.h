// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/sources/directory_watch.h"
#include "agent/sources/guest_source.h"
#include "agent/sources/socket_pattern.h"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ringside::agent {

/// Guests by their QMP sockets. A directory of the pattern need not exist when the source starts.
class SocketSource final : public GuestSource {
 public:
  struct Options {
    std::vector<std::string> patterns;  ///< paths with the wildcards of glob(7), in any component
    std::map<std::string, std::string> labels;
    /// What inotify did not tell of (a network file system, a replaced symbolic link) is seen this late.
    std::chrono::milliseconds rescan{30'000};
  };

  explicit SocketSource(Options options) : options_(std::move(options)) {}
  ~SocketSource() override;
  /// `invalid_argument`: a pattern is none; `io`: there is no inotify.
  Result<void> start(std::function<void(const GuestNews&)> tell) override;
  std::string describe() const override;

 private:
  void run();
  void look();
  void tell_gone(const std::string& path, const std::string& why);
  GuestCandidate candidate(const std::string& path) const;
  void trouble(const std::string& what);

  Options options_;
  std::vector<SocketPattern> patterns_;
  std::function<void(const GuestNews&)> tell_;
  std::unique_ptr<DirectoryWatch> watch_;
  mutable std::mutex mutex_;                     ///< for `known_`
  std::map<std::string, SocketIdentity> known_;  ///< changed by one thread
  std::string trouble_;                          ///< what was told last
  std::thread thread_;
};

}  // namespace ringside::agent
