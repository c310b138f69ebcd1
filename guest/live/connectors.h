// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"
#include "gdbstub/stub.h"
#include "qmp/monitor.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace ringside::guest::live {

/// How freeze windows and the journal reach QEMU again; tests put their own in.
struct Connectors {
  std::function<Result<std::unique_ptr<qmp::Monitor>>(const io::Endpoint&)> monitor;
  std::function<Result<std::unique_ptr<gdbstub::Stub>>(const std::string& socket_path, gdbstub::StubOptions)>
      stub;
  std::chrono::milliseconds patience{2'000};  ///< how long a lost monitor is tried again
};

/// The real ones. `loop` must outlive them and all that they connect.
Connectors connectors_on(io::EventLoop& loop, qmp::ConnectOptions options = {});

}  // namespace ringside::guest::live
