// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/output_set.h"

#include "agent/log.h"

#include <utility>

namespace ringside::agent {

Result<void> OutputSet::start(const std::vector<OutputConfig>& wanted) {
  std::unique_ptr<OutputDispatcher> old;
  {
    const std::lock_guard lock(mutex_);
    if (outputs_ && wanted == config_) return {};
    old = std::move(outputs_);
  }
  old.reset();  // waits for what it sends
  RINGSIDE_TRY(auto dispatcher, OutputDispatcher::start(database_, wanted, Origin::here(), open_, {}));
  const std::lock_guard lock(mutex_);
  outputs_ = std::move(dispatcher);
  config_ = wanted;
  return {};
}

Result<void> OutputSet::replace(const std::vector<OutputConfig>& wanted) {
  std::vector<OutputConfig> before;
  {
    const std::lock_guard lock(mutex_);
    before = config_;
  }
  auto started = start(wanted);
  if (!started)
    if (auto again = start(before); !again) log::warning("outputs: " + again.error().message);
  return started;
}

void OutputSet::stop() {
  std::unique_ptr<OutputDispatcher> old;
  const std::lock_guard lock(mutex_);
  old = std::move(outputs_);
}

Result<void> OutputSet::enqueue(const AgentEvent& event) {
  const std::lock_guard lock(mutex_);
  return outputs_ ? outputs_->enqueue(event) : fail(Errc::unavailable, "the outputs are being started");
}

std::vector<OutputDispatcher::Statistics> OutputSet::statistics() {
  const std::lock_guard lock(mutex_);
  if (!outputs_) return {};
  auto statistics = outputs_->statistics();
  return statistics ? std::move(*statistics) : std::vector<OutputDispatcher::Statistics>{};
}

}  // namespace ringside::agent
