// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/connectors.h"
#include "guest/live/live_guest.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace ringside::agent {

/// A guest that can be attached to, as a source knows it.
struct GuestCandidate {
  std::string id;      ///< unique among all sources and stable: "socket:/run/vm.qmp", "libvirt:UUID"
  std::string source;  ///< "socket", "endpoint", "libvirt", "hook"
  std::string name;    ///< what people call it; for a socket its file name without .sock, .qmp and the like
  std::string uuid;    ///< empty: the source does not know it
  std::map<std::string, std::string> labels;
  io::Endpoint endpoint;  ///< for libvirt: only for messages
  /// How to reach its monitor if not by connecting to `endpoint`; null: connect.
  std::function<Result<std::unique_ptr<qmp::Monitor>>()> monitor;
  std::optional<pid_t> qemu_pid;  ///< where the source knows it and the socket does not tell
};

/// What a source saw.
struct GuestNews {
  enum class Kind { appeared, gone, failed };
  Kind kind;
  GuestCandidate candidate;  ///< of `failed`: id, source and name of the source itself
  std::string why;           ///< of `gone` and `failed`, one line
};

/// Finds guests and tells of them as they come and go. start() calls `tell` for those that are there, then on
/// some thread for what changes, until the source is destroyed. `tell` must not block.
class GuestSource {
 public:
  virtual ~GuestSource() = default;
  virtual Result<void> start(std::function<void(const GuestNews&)> tell) = 0;
  /// For `ringside status`: "sockets /run/vm/*.sock: 3 guests".
  virtual std::string describe() const = 0;
};

}  // namespace ringside::agent
