// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/guest_list.h"

#include <algorithm>
#include <utility>

namespace ringside::agent {

GuestList::GuestList(SessionTools tools, Scheduler& scheduler, std::shared_ptr<const Rules> rules)
    : tools_(tools), scheduler_(scheduler), rules_(std::move(rules)) {}

void GuestList::take(const GuestNews& news) {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(news.candidate.id);
  if (news.kind == GuestNews::Kind::gone) {
    if (known == entries_.end()) return;
    known->second.session->end(news.why);
    scheduler_.wake(known->second.job);
    ending_.push_back(std::move(known->second));
    entries_.erase(known);
    return;
  }
  if (news.kind != GuestNews::Kind::appeared || known != entries_.end()) return;
  if (matches_guest(rules_->config.guests.exclude, news.candidate.name, news.candidate.uuid)) return;
  Entry entry;
  entry.session = std::make_shared<GuestSession>(news.candidate, tools_, rules_);
  // The scheduler may run the job before its id is known here; on_wake() is set before that.
  const auto id = std::make_shared<std::atomic<Scheduler::Id>>(0);
  entry.session->on_wake([this, id] {
    if (*id != 0) scheduler_.wake(*id);
  });
  entry.job = scheduler_.add([session = entry.session] { return session->step(); });
  *id = entry.job;
  entries_.emplace(news.candidate.id, std::move(entry));
}

void GuestList::replace_rules(std::shared_ptr<const Rules> rules) {
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
  for (const auto& [id, entry] : entries_) {
    entry.session->replace_rules(rules_);
    scheduler_.wake(entry.job);
  }
}

void GuestList::tidy() {
  std::vector<Entry> over;
  {
    const std::lock_guard lock(mutex_);
    const auto first = std::partition(ending_.begin(), ending_.end(), [](const Entry& entry) {
      return entry.session->summary().state != GuestSession::State::gone;
    });
    over.assign(std::make_move_iterator(first), std::make_move_iterator(ending_.end()));
    ending_.erase(first, ending_.end());
  }
  for (const auto& entry : over) scheduler_.remove(entry.job);
}

void GuestList::stop() {
  std::vector<Entry> all;
  {
    const std::lock_guard lock(mutex_);
    all = std::move(ending_);
    for (auto& [id, entry] : entries_) all.push_back(std::move(entry));
    entries_.clear();
    ending_.clear();
  }
  for (const auto& entry : all) entry.session->hurry();
  for (const auto& entry : all) scheduler_.remove(entry.job);
}

Result<std::shared_ptr<GuestSession>> GuestList::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<GuestSession>> found;
  std::shared_ptr<GuestSession> by_key;
  for (const auto& [id, entry] : entries_) {
    if (id == name) return entry.session;
    const auto summary = entry.session->summary();
    const auto& facts = summary.facts;
    if (facts.key == name || (!facts.uuid.empty() && facts.uuid == name)) {
      if (!by_key || summary.state == GuestState::watched) by_key = entry.session;
    } else if (facts.name == name) {
      found.push_back(entry.session);
    }
  }
  if (by_key) return by_key;
  if (found.size() == 1) return found.front();
  if (found.empty())
    return fail(Errc::not_found, "there is no guest " + name, "ringside guests lists those that there are");
  return fail(Errc::invalid_argument, "several guests are called " + name, "name it by its UUID or key");
}

Json GuestList::describe() const {
  std::vector<Json> guests;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) guests.push_back(entry.session->describe());
  }
  std::sort(guests.begin(), guests.end(), [](const Json& a, const Json& b) {
    return std::pair(a["name"].get<std::string>(), a["key"].get<std::string>()) <
           std::pair(b["name"].get<std::string>(), b["key"].get<std::string>());
  });
  return Json(guests);
}

std::vector<GuestSession::Summary> GuestList::summaries() const {
  const std::lock_guard lock(mutex_);
  std::vector<GuestSession::Summary> all;
  for (const auto& [id, entry] : entries_) all.push_back(entry.session->summary());
  return all;
}

GuestList::Totals GuestList::totals() const {
  Totals totals;
  for (const auto& one : summaries()) {
    using State = GuestSession::State;
    totals.ticks += one.ticks;
    totals.missed += one.missed;
    if (one.state == State::watched || one.state == State::stopped)
      ++totals.watched;
    else if (one.state == State::retry)
      ++totals.failed;
    else
      ++totals.waiting;
  }
  return totals;
}

}  // namespace ringside::agent
