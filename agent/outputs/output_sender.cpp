// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/output_sender.h"

#include "agent/log.h"
#include "agent/outputs/formats.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

OutputSender::OutputSender(OutputConfig config, std::unique_ptr<Sink> sink, Outbox& outbox,
                           const Origin& origin, OutputDispatcher::OpenFindings open,
                           OutputDispatcher::Pace pace)
    : config_(std::move(config)),
      sink_(std::move(sink)),
      outbox_(outbox),
      origin_(origin),
      open_(std::move(open)),
      pace_(pace),
      thread_([this] { run(); }) {}

OutputSender::~OutputSender() {
  stop();
  thread_.join();
}

void OutputSender::wake() {
  const std::lock_guard lock(mutex_);
  work_ = true;
  changed_.notify_all();
}

void OutputSender::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  sink_->cancel();
}

std::optional<std::string> OutputSender::failing() const {
  const std::lock_guard lock(mutex_);
  return failing_;
}

void OutputSender::set_failing(std::optional<std::string> why) {
  const std::lock_guard lock(mutex_);
  if (why && !failing_ && !stopping_) log::warning(fmt::format("output {}: {}", config_.name, *why));
  if (!why && failing_) log::info(fmt::format("output {} works again", config_.name));
  failing_ = std::move(why);
}

bool OutputSender::wait(Clock::time_point until, bool for_work) {
  std::unique_lock lock(mutex_);
  const auto awake = [&] { return stopping_ || (for_work && work_); };
  if (until == Clock::time_point::max())
    changed_.wait(lock, awake);
  else
    changed_.wait_until(lock, until, awake);
  if (for_work) work_ = false;
  return !stopping_;
}

void OutputSender::run() {
  auto pause = pace_.first;
  for (;;) {
    auto sent = send_some();
    if (sent && !*sent && repeats() && Clock::now() >= next_repeat_) {
      if (auto repeated = repeat_open(); !repeated) sent = fail(std::move(repeated).error());
    }
    if (sent) {
      set_failing(std::nullopt);
      pause = pace_.first;
      const bool more = *sent;
      if (!wait(more ? Clock::now() : repeats() ? next_repeat_ : Clock::time_point::max(), !more)) return;
      continue;
    }
    set_failing(sent.error().message);
    if (!wait(Clock::now() + pause, false)) return;
    pause = std::min(pause * 2, pace_.longest);
  }
}

/// What the receiver has must not be sent again, so nothing is sent while that cannot be noted.
Result<void> OutputSender::note_sent() {
  if (unnoted_.empty()) return {};
  RINGSIDE_CHECK(outbox_.sent(config_.name, unnoted_));
  unnoted_.clear();
  return {};
}

Result<bool> OutputSender::send_some() {
  RINGSIDE_CHECK(note_sent());
  RINGSIDE_TRY(const auto waiting, outbox_.take(config_.name, sink_->batch()));
  if (waiting.empty()) return false;
  std::vector<std::string> texts;
  for (const auto& message : waiting) texts.push_back(message.text);
  const Sink::Sent sent = sink_->send(texts);
  for (std::size_t i = 0; i < sent.taken && i < waiting.size(); ++i) unnoted_.push_back(waiting[i].number);
  RINGSIDE_CHECK(note_sent());
  if (sent.refused && sent.taken < waiting.size()) {
    log::warning(fmt::format("output {} dropped a message that its receiver refuses: {}", config_.name,
                             sent.error ? sent.error->message : ""));
    RINGSIDE_CHECK(outbox_.drop(config_.name, waiting[sent.taken].number));
    return true;
  }
  if (sent.error) return fail(*sent.error);
  return true;
}

Result<void> OutputSender::repeat_open() {
  RINGSIDE_TRY(const auto open, open_());
  std::vector<std::string> texts;
  for (const auto& finding : open)
    if (finding.state == FindingRecord::State::open && !finding.suppressed_by &&
        finding.severity >= config_.at_least)
      texts.push_back(
          alertmanager_alert(finding, origin_).dump(-1, ' ', false, Json::error_handler_t::replace));
  const std::size_t batch = sink_->batch();
  for (std::size_t at = 0; at < texts.size(); at += batch) {
    const Sink::Sent sent = sink_->send(std::span(texts).subspan(at, std::min(batch, texts.size() - at)));
    if (sent.error) return fail(*sent.error);
  }
  next_repeat_ = Clock::now() + pace_.repeat;
  return {};
}

}  // namespace ringside::agent
