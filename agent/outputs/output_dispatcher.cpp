// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/output_dispatcher.h"

#include "agent/log.h"
#include "agent/outputs/formats.h"
#include "agent/outputs/outbox.h"
#include "agent/outputs/output_sender.h"
#include "agent/outputs/sink.h"

#include <fmt/format.h>

#include <map>

namespace ringside::agent {

class OutputDispatcher::Impl {
 public:
  Impl(StateDatabase& state, Origin from) : database(state), origin(std::move(from)), outbox(state) {}

  StateDatabase& database;
  Origin origin;
  io::EventLoop loop;
  Outbox outbox;
  std::vector<std::unique_ptr<OutputSender>> senders;  // end first: they use the loop
};

OutputDispatcher::OutputDispatcher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

OutputDispatcher::~OutputDispatcher() {
  for (const auto& sender : impl_->senders) sender->stop();  // all at once, before any is waited for
}

Result<std::unique_ptr<OutputDispatcher>> OutputDispatcher::start(StateDatabase& database,
                                                                  std::vector<OutputConfig> outputs,
                                                                  Origin origin, OpenFindings open,
                                                                  Pace pace) {
  auto impl = std::make_unique<Impl>(database, std::move(origin));
  std::map<std::string, std::string> kinds;
  std::vector<std::unique_ptr<Sink>> sinks;
  for (const auto& output : outputs) {
    if (output.name.empty() || !kinds.emplace(output.name, to_string(output.kind)).second)
      return fail(Errc::invalid_argument,
                  fmt::format("an output has no name of its own: \"{}\"", output.name),
                  "give every output another name");
    if (output.queue == 0)
      return fail(Errc::invalid_argument, fmt::format("output {}: a queue of none", output.name));
    auto sink = make_sink(output, impl->loop);
    if (!sink) return fail(sink.error().within("output " + output.name));
    sinks.push_back(std::move(*sink));
  }
  RINGSIDE_TRY(const std::size_t forgotten, impl->outbox.forget_others(kinds));
  if (forgotten != 0)
    log::warning(fmt::format("dropped {} messages for outputs that are not configured any more", forgotten));
  for (std::size_t i = 0; i < outputs.size(); ++i)
    impl->senders.push_back(std::make_unique<OutputSender>(std::move(outputs[i]), std::move(sinks[i]),
                                                           impl->outbox, impl->origin, open, pace));
  return std::unique_ptr<OutputDispatcher>(new OutputDispatcher(std::move(impl)));
}

Result<void> OutputDispatcher::enqueue(const AgentEvent& event) {
  return impl_->database.transaction([&](SQLite::Database&) -> Result<void> {
    for (const auto& sender : impl_->senders) {
      const OutputConfig& output = sender->config();
      const auto message = message_for(output, event, impl_->origin);
      if (!message) continue;
      RINGSIDE_CHECK(
          impl_->outbox.put(output.name, std::string(to_string(output.kind)), *message, output.queue));
      sender->wake();  // it reads once this transaction is over
    }
    return {};
  });
}

Result<std::vector<OutputDispatcher::Statistics>> OutputDispatcher::statistics() {
  std::vector<Statistics> all;
  for (const auto& sender : impl_->senders) {
    const OutputConfig& output = sender->config();
    RINGSIDE_TRY(const Outbox::Counts counts, impl_->outbox.counts(output.name));
    all.push_back({output.name, std::string(to_string(output.kind)), output.to, counts.waiting, counts.sent,
                   counts.dropped, sender->failing()});
  }
  return all;
}

Json to_json(const OutputDispatcher::Statistics& statistics) {
  return {{"name", statistics.name},
          {"kind", statistics.kind},
          {"to", statistics.to},
          {"waiting", statistics.waiting},
          {"sent", statistics.sent},
          {"dropped", statistics.dropped},
          {"failing", statistics.failing ? Json(*statistics.failing) : Json()}};
}

}  // namespace ringside::agent
