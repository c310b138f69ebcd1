// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/guest_registry.h"

#include <algorithm>
#include <utility>

namespace ringside::agent {

namespace {

/// Smaller is better.
int rank(const GuestCandidate& way) {
  if (way.source == "hook") return 2;
  return way.endpoint.kind == io::Endpoint::Kind::libvirt ? 1 : 0;
}

const GuestCandidate& best_of(const std::vector<GuestCandidate>& ways) {
  return *std::min_element(ways.begin(), ways.end(),
                           [](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

/// The way as it is told: reached as it says, called what the best source of names calls it, with all labels.
GuestCandidate merged(const std::vector<GuestCandidate>& ways, const std::string& uuid) {
  GuestCandidate told = best_of(ways);
  told.uuid = uuid;
  for (const GuestCandidate& way : ways) {
    told.labels.insert(way.labels.begin(), way.labels.end());  // those of the way itself win
    // A file's name is a guess; what libvirt or the configuration says is not.
    if (told.source == "socket" && way.source != "socket" && !way.name.empty()) told.name = way.name;
  }
  return told;
}

}  // namespace

GuestRegistry::Guests::iterator GuestRegistry::same_guest(const GuestCandidate& candidate) {
  return std::find_if(guests_.begin(), guests_.end(), [&](const auto& entry) {
    const Guest& guest = entry.second;
    if (!candidate.uuid.empty() && !guest.uuid.empty()) return candidate.uuid == guest.uuid;
    return std::any_of(guest.ways.begin(), guest.ways.end(), [&](const GuestCandidate& way) {
      return way.id == candidate.id || way.endpoint == candidate.endpoint;
    });
  });
}

GuestRegistry::Guests::iterator GuestRegistry::guest_with_way(const std::string& id) {
  return std::find_if(guests_.begin(), guests_.end(), [&](const auto& entry) {
    return std::any_of(entry.second.ways.begin(), entry.second.ways.end(),
                       [&](const GuestCandidate& way) { return way.id == id; });
  });
}

void GuestRegistry::take(const GuestNews& news) {
  const std::lock_guard lock(mutex_);
  switch (news.kind) {
    case GuestNews::Kind::appeared:
      return appeared(news.candidate);
    case GuestNews::Kind::gone:
      return gone(news.candidate, news.why);
    case GuestNews::Kind::failed:
      return tell_(news);
  }
}

void GuestRegistry::appeared(const GuestCandidate& candidate) {
  const auto known = same_guest(candidate);
  // The same place with another UUID: another guest, and nobody told of the first one's end.
  if (const auto former = guest_with_way(candidate.id); former != guests_.end() && former != known)
    gone(candidate, "another guest is there");
  if (known == guests_.end()) {
    Guest guest;
    guest.ways.push_back(candidate);
    guest.uuid = candidate.uuid;
    choose(std::move(guest), {});
    return;
  }
  Guest& guest = known->second;
  if (guest.uuid.empty()) guest.uuid = candidate.uuid;
  std::erase_if(guest.ways, [&](const GuestCandidate& way) { return way.id == candidate.id; });
  guest.ways.push_back(candidate);
}

/// Tells of `guest` by its best way.
void GuestRegistry::choose(Guest guest, const std::string& why_not_before) {
  guest.told = merged(guest.ways, guest.uuid);
  tell_({GuestNews::Kind::appeared, guest.told, why_not_before});
  guests_[guest.told.id] = std::move(guest);
}

void GuestRegistry::gone(const GuestCandidate& candidate, const std::string& why) {
  const auto known = guest_with_way(candidate.id);
  if (known == guests_.end()) return;
  Guest& guest = known->second;
  std::erase_if(guest.ways, [&](const GuestCandidate& way) {
    // libvirt knows; what its hook said may have been lost.
    return way.id == candidate.id || (candidate.source == "libvirt" && way.source == "hook");
  });
  const bool same_way_left =
      std::any_of(guest.ways.begin(), guest.ways.end(),
                  [&](const GuestCandidate& way) { return way.endpoint == guest.told.endpoint; });
  if (same_way_left) return;
  Guest ended = std::move(guest);
  guests_.erase(known);
  tell_({GuestNews::Kind::gone, ended.told, why});
  if (!ended.ways.empty()) choose(std::move(ended), {});
}

/// Of two guests with one UUID.
bool GuestRegistry::are_one(const Guest& a, const Guest& b) {
  if (a.process && b.process) return a.process == b.process;
  const auto by_libvirt = [](const Guest& guest) {
    return guest.told.endpoint.kind == io::Endpoint::Kind::libvirt;
  };
  return by_libvirt(a) || by_libvirt(b);
}

void GuestRegistry::learn(const std::string& id, const std::string& uuid, std::optional<pid_t> process) {
  const std::lock_guard lock(mutex_);
  const auto known = guests_.find(id);
  if (uuid.empty() || known == guests_.end()) return;
  known->second.process = process;
  const auto other = std::find_if(guests_.begin(), guests_.end(), [&](const auto& entry) {
    return entry.first != id && entry.second.uuid == uuid && are_one(entry.second, known->second);
  });
  if (other == guests_.end()) {
    known->second.uuid = uuid;
    known->second.told.uuid = uuid;
    return;
  }
  Guest same = std::move(known->second);
  guests_.erase(known);
  other->second.ways.insert(other->second.ways.end(), same.ways.begin(), same.ways.end());
  tell_({GuestNews::Kind::gone, same.told, "it is the guest " + other->second.told.name + ", known already"});
}

std::vector<GuestCandidate> GuestRegistry::guests() const {
  const std::lock_guard lock(mutex_);
  std::vector<GuestCandidate> all;
  for (const auto& [id, guest] : guests_) all.push_back(guest.told);
  return all;
}

}  // namespace ringside::agent
