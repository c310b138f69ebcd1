// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"

#include <functional>
#include <map>
#include <string>

namespace ringside::agent {

/// A guest that can be attached to, as a source knows it.
struct GuestCandidate {
  std::string id;      ///< unique among all sources and stable: "socket:/run/vm.qmp", "libvirt:UUID"
  std::string source;  ///< "socket", "endpoint", "libvirt", "hook"
  std::string name;    ///< what people call it; for a socket its file name without .sock, .qmp and the like
  std::string uuid;    ///< empty: the source does not know it
  std::map<std::string, std::string> labels;
  /// How to reach its monitor: connect_monitor() (agent/libvirt/connect.h) takes every kind.
  io::Endpoint endpoint;
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
