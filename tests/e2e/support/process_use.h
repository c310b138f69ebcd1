// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace ringside::lab {

/// What a process takes: resident memory without what is shared with QEMU, and CPU time so far.
struct Use {
  double anonymous_mib = 0, cpu_seconds = 0;
};
inline Use use_of(pid_t pid) {
  Use use;
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) use.anonymous_mib = std::stod(line.substr(8)) / 1024;
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(stat, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  double ticks = 0;
  for (int i = 3; i <= 15 && fields >> field; ++i)
    if (i >= 14) ticks += std::stod(field);  // utime, stime (proc(5))
  use.cpu_seconds = ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return use;
}

/// Watches between what bounds the memory of its own of a process moves.
class MemoryRange {
 public:
  explicit MemoryRange(pid_t pid)
      : least_(use_of(pid).anonymous_mib), most_(least_.load()), thread_([this, pid](std::stop_token stop) {
          while (!stop.stop_requested()) {
            const double now = use_of(pid).anonymous_mib;
            least_ = std::min(least_.load(), now);
            most_ = std::max(most_.load(), now);
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
          }
        }) {}
  double least() const { return least_; }
  double most() const { return most_; }

 private:
  std::atomic<double> least_, most_;
  std::jthread thread_;
};

}  // namespace ringside::lab
