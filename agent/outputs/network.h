// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"
#include "base/io/event_loop.h"

#include <chrono>
#include <memory>
#include <string>

namespace ringside::agent {

/// A connection (TCP or TLS) to write to, made when it is needed and again when the peer has closed it.
/// Blocks, but for cancel(). The loop must outlive it.
class OutgoingStream {
 public:
  OutgoingStream(io::EventLoop& loop, io::Endpoint endpoint, std::chrono::milliseconds timeout);
  ~OutgoingStream();
  OutgoingStream(const OutgoingStream&) = delete;
  OutgoingStream& operator=(const OutgoingStream&) = delete;

  /// All of it was given to the connection; whether the peer has read it, it does not say. After an error the
  /// connection is given up.
  Result<void> write(const std::string& bytes);
  void cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace ringside::agent
