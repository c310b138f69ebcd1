// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/io/endpoint.h"
#include "policies/engine/policy.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace ringside::agent {

/// One receiver of findings, as the configuration names it.
struct OutputConfig {
  enum class Kind { json, syslog, webhook, alertmanager };
  std::string name;  ///< unique
  Kind kind = Kind::json;
  /// json: a file, or "-" for standard output. syslog: "udp:HOST:PORT", "tcp:HOST:PORT", "tls:HOST:PORT" or
  /// the path of a datagram socket ("/dev/log"). webhook, alertmanager: an http:// or https:// URL.
  std::string to;
  io::TlsOptions tls;                          ///< of tls: and https://
  std::map<std::string, std::string> headers;  ///< webhook, alertmanager: sent along
  policies::Severity at_least = policies::Severity::low;
  std::size_t queue = 10'000;  ///< what waits at most; beyond it the oldest goes, counted
  std::chrono::milliseconds timeout{10'000};
  bool operator==(const OutputConfig&) const = default;
};

}  // namespace ringside::agent
