// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace ringside::agent {

/// Watches directories with inotify(7). wake() may come from any thread; everything else is for one.
class DirectoryWatch {
 public:
  /// What a wait ended with.
  enum class Ended { by_change, by_time, by_wake };

  static Result<std::unique_ptr<DirectoryWatch>> create();
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  /// Watches exactly these directories from now on, each for entries that match one of its components. The
  /// error names one that cannot be watched (the others are, all the same): usually the limit on watches.
  Result<void> watch(const std::map<std::string, std::set<std::string>>& points);

  /// Waits for a change that matters, wake() or `timeout`, then takes in what follows at once.
  Ended wait(std::chrono::milliseconds timeout);
  void wake();

 private:
  DirectoryWatch() = default;
  bool read_events();

  struct Point {
    std::string path;
    std::set<std::string> components;
  };
  int inotify_ = -1, wake_ = -1;
  std::map<int, Point> points_;         ///< by watch descriptor
  std::map<std::string, int> watched_;  ///< by path
};

}  // namespace ringside::agent
