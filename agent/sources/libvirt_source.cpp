// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/connect.h"
#include "agent/libvirt/connection.h"
#include "agent/libvirt/uri.h"
#include "agent/output/format.h"

#include <fmt/format.h>

#include <mutex>
#include <set>
#include <utility>

namespace ringside::agent {

namespace {

using libvirt::Domain;

class LibvirtSource final : public GuestSource {
 public:
  explicit LibvirtSource(LibvirtOptions options)
      : options_(std::move(options)), uri_(libvirt::resolve_uri(options_.uri)) {}

  Result<void> start(std::function<void(const GuestNews&)> tell) override {
    tell_ = std::move(tell);
    RINGSIDE_TRY(connection_, libvirt::Connection::to(uri_));
    observation_ = connection_->observe({
        .connection = [this](bool there, const std::string& why) { there ? look() : fail_once(why); },
        .started = [this](const Domain& domain) { started(domain); },
        .ended = [this](const Domain& domain, const std::string& why) { ended(domain.uuid, why); },
        .monitor_event = {},
    });
    // Somebody else may have opened the connection before.
    if (connection_->wait_connected(std::chrono::seconds(2)))
      look();
    else
      fail_once(fmt::format("libvirt ({}) is away; it is tried again by itself", uri_));
    return {};
  }

  std::string describe() const override {
    const std::lock_guard lock(mutex_);
    return fmt::format("libvirt {}: {}{}", uri_, counted(known_.size(), "guest"), away_ ? " (away)" : "");
  }

 private:
  GuestCandidate candidate(const Domain& domain) const {
    GuestCandidate made;
    made.id = "libvirt:" + domain.uuid;
    made.source = "libvirt";
    made.name = domain.name;
    made.uuid = domain.uuid;
    made.labels = options_.labels;
    made.endpoint.kind = io::Endpoint::Kind::libvirt;
    made.endpoint.domain = domain.uuid;
    made.endpoint.uri = uri_;
    return made;
  }

  /// What runs against what is known. The lock is held over the list, so that an event that comes meanwhile
  /// is taken in after it.
  void look() {
    const std::lock_guard lock(mutex_);
    const auto running = connection_->running();
    if (!running) return;  // lost again; what follows tells
    away_ = false;
    std::map<std::string, Domain> now;
    for (const Domain& domain : *running) now[domain.uuid] = domain;
    for (auto it = known_.begin(); it != known_.end();) {
      const auto still = now.find(it->first);
      if (still != now.end() && still->second.id == it->second.id) {
        ++it;
        continue;
      }
      tell_({GuestNews::Kind::gone, candidate(it->second), "it ended while libvirt was away"});
      it = known_.erase(it);
    }
    for (const auto& [uuid, domain] : now) add(domain);
  }

  void started(const Domain& domain) {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(domain.uuid);
        known != known_.end() && known->second.id != domain.id && domain.id >= 0) {
      tell_({GuestNews::Kind::gone, candidate(known->second), "it was started anew"});
      known_.erase(known);
    }
    add(domain);
  }

  void ended(const std::string& uuid, const std::string& why) {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(uuid);
    if (known == known_.end()) return;
    tell_({GuestNews::Kind::gone, candidate(known->second), why});
    known_.erase(known);
  }

  void add(const Domain& domain) {
    if (known_.emplace(domain.uuid, domain).second) tell_({GuestNews::Kind::appeared, candidate(domain), {}});
  }

  void fail_once(const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(away_, true)) return;
    GuestNews news{GuestNews::Kind::failed, {}, why};
    news.candidate.id = "libvirt:" + uri_;
    news.candidate.source = "libvirt";
    news.candidate.name = uri_;
    tell_(news);
  }

  LibvirtOptions options_;
  std::string uri_;
  std::function<void(const GuestNews&)> tell_;
  std::shared_ptr<libvirt::Connection> connection_;
  mutable std::mutex mutex_;
  std::map<std::string, Domain> known_;  ///< by UUID
  bool away_ = false;
  std::shared_ptr<void> observation_;  ///< last: it ends before what its handlers use
};

}  // namespace

Result<std::unique_ptr<GuestSource>> make_libvirt_source(LibvirtOptions options) {
  return std::make_unique<LibvirtSource>(std::move(options));
}

}  // namespace ringside::agent
