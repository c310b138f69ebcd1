// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/sources/guest_source.h"

#include <sys/types.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// Makes one guest of what several sources tell of it: candidates with the same UUID, or the same endpoint,
/// are the same guest; but not two QEMUs that have one UUID because a guest is migrated from one to the
/// other, or because somebody copied it. `tell` hears of each guest once when it appears and once when it is
/// gone; a guest that is reached by a way which goes, while a source knows another way, is told gone and
/// appeared again. Thread-safe.
///
/// The way to reach a guest is, best first: a monitor socket or endpoint of its own, then libvirt, then
/// libvirt as its hook named it. A better way that comes later is kept for when the one in use goes: a
/// session is never disturbed for it.
class GuestRegistry {
 public:
  using Tell = std::function<void(const GuestNews&)>;
  /// `tell` is called with the registry locked, so that news come in order: it must not block nor call back.
  explicit GuestRegistry(Tell tell) : tell_(std::move(tell)) {}

  /// For GuestSource::start().
  void take(const GuestNews& news);

  /// What a session found out: the guest told as `id` has this UUID and is run by this process (nullopt: not
  /// known). If another guest with the UUID was told before and both are the same, `id` is told gone, and its
  /// way is kept for later. They are the same if their processes are, and where those are not known if one
  /// of them is libvirt's: watching a guest twice does less harm than not at all.
  void learn(const std::string& id, const std::string& uuid, std::optional<pid_t> process);

  /// The guests that were told and are not gone, each as it was told.
  std::vector<GuestCandidate> guests() const;

 private:
  struct Guest {
    std::vector<GuestCandidate> ways;  ///< all that sources know of
    std::string uuid;                  ///< empty: not known
    std::optional<pid_t> process{};    ///< that runs it, as its session found out last
    GuestCandidate told;
  };
  using Guests = std::map<std::string, Guest>;  ///< by id of `told`

  static bool are_one(const Guest& a, const Guest& b);
  void appeared(const GuestCandidate& candidate);
  void gone(const GuestCandidate& candidate, const std::string& why);
  void choose(Guest guest, const std::string& why_not_before);
  Guests::iterator same_guest(const GuestCandidate& candidate);
  Guests::iterator guest_with_way(const std::string& id);

  Tell tell_;
  mutable std::mutex mutex_;
  Guests guests_;
};

}  // namespace ringside::agent
