// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ringside::agent {

/// What a client of the HTTP server can take at most.
struct HttpLimits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = 64 * 1024;
  std::size_t connections = 64;  ///< at once; `reserve` more for root and the agent's own user
  std::size_t reserve = 8;
  std::size_t event_streams = 16;  ///< of the connections
  std::size_t event_queue = 1024;  ///< events that wait for one client; more, and it is cut off
  std::chrono::milliseconds request_time{
      10'000};  ///< from the first byte of a request to its last; a TLS handshake
  std::chrono::milliseconds idle_time{60'000};   ///< between requests
  std::chrono::milliseconds write_time{30'000};  ///< to take an answer, or one event
  std::chrono::milliseconds heartbeat{15'000};   ///< of event streams
  std::size_t workers = 4;                       ///< threads that call AgentApi
  std::size_t queries = 2;                       ///< of the workers; further queries are refused with 503
};

/// Where the HTTP server listens: at a Unix socket, the agent's control socket, or at host and port.
struct ListenOptions {
  std::string path;   ///< Unix socket, mode 0660; empty: TCP
  std::string group;  ///< name or number of the socket's group, whose members may read; empty: the process's
  /// Address or "localhost". Without TLS a loopback address only; with TLS elsewhere only if clients are
  /// known by certificate or token.
  std::string host;
  std::uint16_t port = 0;                  ///< 0: a free one
  std::string certificate_file, key_file;  ///< TLS
  std::string client_ca_file;              ///< who signs clients' certificates
  /// A file with the token that clients send ("Authorization: Bearer ..."), which nobody else may read; with
  /// both this and `client_ca_file` either will do.
  std::string token_file;
  HttpLimits limits;
};

}  // namespace ringside::agent
