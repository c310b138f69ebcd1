// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outputs/output_config.h"
#include "agent/scan/pauses.h"
#include "guest/live/live_guest.h"
#include "policies/engine/diagnostics.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ringside::agent {

/// Labels for guests, by patterns of their names (`*` and `?`) or by UUID.
struct LabelRule {
  std::vector<std::string> guests;
  std::map<std::string, std::string> labels;
};

/// Actions that policies may take on some guests.
struct ActionRule {
  std::vector<std::string> guests;  ///< patterns of names, or UUIDs
  std::vector<std::string> allow;   ///< "pause", "restore", "dump"
};

/// How often actions may be taken; beyond that they are refused.
struct Breaker {
  unsigned per_guest = 3, per_host = 10;
  std::chrono::milliseconds within{60 * 60 * 1000};
};

/// What the daemon is told by ringside.yaml and conf.d. packaging/ringside.yaml documents every key.
struct Config {
  struct Guests {
    std::vector<std::string> sockets;    ///< paths and globs
    std::vector<std::string> endpoints;  ///< tcp:HOST:PORT, tls:HOST:PORT
    io::TlsOptions tls;                  ///< of the tls: endpoints
    std::vector<std::string> libvirt;    ///< URIs
    std::string hook;                    ///< datagram socket of the libvirt hook; empty: none
    std::vector<std::string> exclude;    ///< patterns of names that are not watched
    std::vector<LabelRule> labels;
  } guests;
  struct Control {
    std::string socket;  ///< empty: the default
    std::string group;   ///< whose members may read; empty: root and the agent's own user only
  } control;
  struct Http {
    std::string listen;  ///< HOST:PORT; empty: off
    std::string certificate_file, key_file, client_ca_file, token_file;
  } http;
  struct Policies {
    std::vector<std::string> built_in{"*"};                                         ///< patterns of names
    std::vector<std::string> paths;                                                 ///< files and directories
    std::vector<std::string> exceptions;                                            ///< files and directories
    std::chrono::milliseconds unused_exceptions_after{30LL * 24 * 60 * 60 * 1000};  ///< 0: never told
  } policies;
  struct Watching {
    unsigned workers = 0;  ///< 0: as many as there are CPUs, 4 at most
    guest::live::Backend memory = guest::live::Backend::automatic;
    guest::live::MsrSource msrs = guest::live::MsrSource::automatic;
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds longest_retry{60'000};
    std::chrono::milliseconds blind_after{60'000};      ///< a check that is unknown so long is a finding
    std::chrono::milliseconds unwatched_after{60'000};  ///< as a guest that cannot be attached to
    /// How long the guest's start-up may take; then what it added is learned, and what it set counts.
    std::chrono::milliseconds settle{45'000};
    bool learn = true;  ///< take a baseline of a guest that has none
  } watching;
  Pauses::Budget pauses;
  std::vector<ActionRule> actions;
  Breaker breaker;
  std::uint64_t evidence_bytes = std::uint64_t{1} << 30;
  std::uint64_t dump_bytes = std::uint64_t{64} << 30;
  std::uint64_t resolved_findings = 10'000;  ///< how many are remembered
  std::vector<OutputConfig> outputs;
};

struct ConfigResult {
  Config config;
  std::vector<policies::Diagnostic> errors;  ///< not empty: the configuration must not be used
  std::vector<std::string> files;            ///< that were read, in order
};

/// Reads `file` and what stands in the directory `conf.d` beside it (*.yaml, sorted): later files override
/// scalars and add to lists. A file that is not there is an error only if `must_exist`.
ConfigResult load_config(const std::string& file, bool must_exist);
/// One file's text, over what `config` holds already.
std::vector<policies::Diagnostic> read_config(const std::string& file, const std::string& text,
                                              Config& config);

/// True if one of `patterns` is `uuid`, or matches `name`.
bool matches_guest(const std::vector<std::string>& patterns, const std::string& name,
                   const std::string& uuid);

}  // namespace ringside::agent
