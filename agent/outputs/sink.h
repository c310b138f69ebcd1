// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outputs/output_config.h"
#include "base/error.h"
#include "base/io/event_loop.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace ringside::agent {

/// Brings messages to one receiver. One thread sends; cancel() is for others.
class Sink {
 public:
  struct Sent {
    std::size_t taken = 0;       ///< so many, from the first, have reached the receiver, as far as it tells
    std::optional<Error> error;  ///< why not all
    bool refused = false;        ///< the message after those will never be taken: it is not to be tried again
  };
  virtual ~Sink() = default;
  virtual Sent send(std::span<const std::string> messages) = 0;
  /// How many messages are worth giving at once. What was sent but not yet noted when the process dies is
  /// sent again.
  virtual std::size_t batch() const { return 64; }
  /// What runs, and all that follows, ends with `cancelled` soon.
  virtual void cancel() = 0;
};

/// `invalid_argument`: OutputConfig::to is none of what its kind takes. Nothing is opened or connected yet.
/// The loop must outlive the sink.
Result<std::unique_ptr<Sink>> make_sink(const OutputConfig& config, io::EventLoop& loop);

// What make_sink() chooses from.
std::unique_ptr<Sink> make_json_sink(const OutputConfig& config);
Result<std::unique_ptr<Sink>> make_syslog_sink(const OutputConfig& config, io::EventLoop& loop);
Result<std::unique_ptr<Sink>> make_http_sink(const OutputConfig& config, io::EventLoop& loop);

}  // namespace ringside::agent
