// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/socket_source.h"

#include "agent/output/format.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace ringside::agent {

namespace {

/// Where directories cannot be watched, looking is all there is.
constexpr std::chrono::milliseconds kRescanUnwatched{2'000};

}  // namespace

SocketSource::~SocketSource() {
  if (!thread_.joinable()) return;
  watch_->wake();
  thread_.join();
}

Result<void> SocketSource::start(std::function<void(const GuestNews&)> tell) {
  tell_ = std::move(tell);
  for (const std::string& text : options_.patterns) {
    RINGSIDE_TRY(SocketPattern pattern, SocketPattern::parse(text));
    patterns_.push_back(std::move(pattern));
  }
  RINGSIDE_TRY(watch_, DirectoryWatch::create());
  look();
  thread_ = std::thread([this] { run(); });
  return {};
}

std::string SocketSource::describe() const {
  const std::lock_guard lock(mutex_);
  return fmt::format("sockets {}: {}", fmt::join(options_.patterns, " "), counted(known_.size(), "guest"));
}

void SocketSource::run() {
  while (true) {
    const auto ended =
        watch_->wait(trouble_.empty() ? options_.rescan : std::min(options_.rescan, kRescanUnwatched));
    if (ended == DirectoryWatch::Ended::by_wake) return;
    look();
  }
}

GuestCandidate SocketSource::candidate(const std::string& path) const {
  GuestCandidate candidate;
  candidate.id = "socket:" + path;
  candidate.source = "socket";
  candidate.name = name_of_socket(path);
  candidate.labels = options_.labels;
  candidate.endpoint.path = path;
  return candidate;
}

void SocketSource::tell_gone(const std::string& path, const std::string& why) {
  tell_({GuestNews::Kind::gone, candidate(path), why});
}

/// Once, not at every look.
void SocketSource::trouble(const std::string& what) {
  if (what != trouble_ && !what.empty()) {
    GuestNews news{GuestNews::Kind::failed, {}, what};
    news.candidate.id = fmt::format("sockets:{}", fmt::join(options_.patterns, " "));
    news.candidate.source = "socket";
    news.candidate.name = fmt::format("{}", fmt::join(options_.patterns, " "));
    tell_(news);
  }
  trouble_ = what;
}

/// Watches first and looks then, until nothing new is there to be watched: what comes in between is seen by
/// one of the two.
void SocketSource::look() {
  std::string problem;
  std::map<std::string, std::set<std::string>> points;
  for (int tries = 0; tries < 4; ++tries) {
    std::map<std::string, std::set<std::string>> now;
    for (const SocketPattern& pattern : patterns_) pattern.watch_points(now);
    const auto watched = watch_->watch(now);
    problem = watched
                  ? std::string()
                  : watched.error().message +
                        (watched.error().hint.empty() ? std::string() : " (" + watched.error().hint + ")");
    if (now == points) break;
    points = std::move(now);
  }
  SocketMatches found;
  for (const SocketPattern& pattern : patterns_) pattern.find(found);
  if (found.cut_short)
    problem = fmt::format("more than {} sockets match; the rest is not watched", kSocketBound);
  trouble(problem);

  const std::map<std::string, SocketIdentity> before = known_;  // this thread alone changes it
  {
    const std::lock_guard lock(mutex_);
    known_ = found.sockets;
  }
  for (const auto& [path, identity] : before)
    if (!found.sockets.contains(path)) tell_gone(path, "the socket was removed");
  for (const auto& [path, identity] : found.sockets) {
    const auto old = before.find(path);
    if (old != before.end()) {
      if (old->second == identity) continue;
      tell_gone(path, "another socket was put in its place");
    }
    tell_({GuestNews::Kind::appeared, candidate(path), {}});
  }
}

}  // namespace ringside::agent
