// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/sources/guest_source.h"
#include "agent/sources/hook_message.h"

#include <sys/types.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ringside::agent {

/// Guests that libvirt's hook tells of (packaging/libvirt/50-ringside): one datagram an operation. Quicker
/// than libvirt's own events and independent of a connection to it; the guests are reached through libvirt.
class HookSource final : public GuestSource {
 public:
  struct Options {
    std::string socket = "/run/ringside/hook.sock";  ///< made with mode 0660; its directory must be there
    std::string uri;                                 ///< the libvirt connection that its guests are on
    std::map<std::string, std::string> labels;
    /// Users who may send besides root and our own; by default those that libvirt runs QEMU as.
    std::vector<uid_t> users = libvirt_users();
  };
  static std::vector<uid_t> libvirt_users();  ///< "libvirt-qemu" (Debian), "qemu" (Fedora), where they exist

  /// Datagrams since the start.
  struct Counters {
    std::uint64_t taken = 0;
    std::uint64_t junk = 0;     ///< no message, or too long
    std::uint64_t refused = 0;  ///< from somebody else's process
    std::uint64_t dropped = 0;  ///< of more guests than are remembered
  };

  explicit HookSource(Options options) : options_(std::move(options)) {}
  ~HookSource() override;
  /// `refused`: another agent listens there; `io`, `permission`: the socket cannot be made.
  Result<void> start(std::function<void(const GuestNews&)> tell) override;
  std::string describe() const override;
  Counters counters() const;

 private:
  Result<void> open_socket();
  void run();
  void receive();
  bool may_send(uid_t user) const;
  void take(const HookMessage& message);

  Options options_;
  std::function<void(const GuestNews&)> tell_;
  int socket_ = -1, wake_ = -1;
  std::atomic<std::uint64_t> taken_{0}, junk_{0}, refused_{0}, dropped_{0};
  mutable std::mutex mutex_;                     ///< for `known_`
  std::map<std::string, GuestCandidate> known_;  ///< by UUID
  std::thread thread_;
};

}  // namespace ringside::agent
