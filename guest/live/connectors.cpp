// SPDX-License-Identifier: Apache-2.0
#include "guest/live/connectors.h"

#include <utility>

namespace ringside::guest::live {

Connectors connectors_on(io::EventLoop& loop, qmp::ConnectOptions options) {
  return {
      .monitor = [&loop,
                  options](const io::Endpoint& endpoint) { return qmp::connect(loop, endpoint, options); },
      .stub = [&loop](
                  const std::string& path,
                  gdbstub::StubOptions stub_options) { return gdbstub::connect(loop, path, stub_options); },
      .patience = std::chrono::seconds(2),
  };
}

}  // namespace ringside::guest::live
