// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/sink.h"

namespace ringside::agent {

Result<std::unique_ptr<Sink>> make_sink(const OutputConfig& config, io::EventLoop& loop) {
  switch (config.kind) {
    case OutputConfig::Kind::json:
      if (config.to.empty())
        return fail(Errc::invalid_argument, "output " + config.name + ": no file is named",
                    "name one, or \"-\"");
      return make_json_sink(config);
    case OutputConfig::Kind::syslog:
      return make_syslog_sink(config, loop);
    case OutputConfig::Kind::webhook:
    case OutputConfig::Kind::alertmanager:
      return make_http_sink(config, loop);
  }
  return fail(Errc::invalid_argument, "output " + config.name + " is of no kind");
}

}  // namespace ringside::agent
