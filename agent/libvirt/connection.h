// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "qmp/message.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ringside::agent::libvirt {

/// A running domain. `id` is of this run: libvirt gives another one at the next start, and keeps it over a
/// restart of its own.
struct Domain {
  std::string uuid, name;
  int id = 0;
};

/// What a connection tells. Handlers run on the connection's threads, one at a time for each observer; they
/// must not drop the connection.
struct Observer {
  /// The connection is there (again), or is not: `why`.
  std::function<void(bool there, const std::string& why)> connection;
  std::function<void(const Domain&)> started;
  std::function<void(const Domain&, const std::string& why)> ended;
  std::function<void(const std::string& uuid, const qmp::Event&)> monitor_event;
};

struct ConnectionThread;

/// A connection to libvirt's daemon that opens itself again, with back-off, when it is lost. Thread-safe.
/// Calls block for as long as libvirt and QEMU take. Errors of all: `closed` while libvirt is away,
/// `permission`, `deadline` (libvirt gave up waiting for another job on the domain), `peer_error`.
class Connection {
 public:
  /// One a URI, shared by all who hold it. Connecting starts at once and in the background.
  static Result<std::shared_ptr<Connection>> to(const std::string& uri);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::string& uri() const;
  /// Waits until it is connected, or the attempt that is under way has failed: `refused`, `permission`.
  Result<void> wait_connected(std::chrono::milliseconds deadline);

  /// Keeps `observer` informed while the result lives; it hears nothing of what was before.
  [[nodiscard]] std::shared_ptr<void> observe(Observer observer);

  Result<std::vector<Domain>> running();
  /// By UUID or else by name. `not_found`; `gone`: it is there but does not run.
  Result<Domain> find(const std::string& uuid_or_name);
  /// The whole reply of QEMU to the command `line`. `gone` if that run of the domain has ended. `descriptor`
  /// goes along with the command if it is not -1.
  Result<std::string> monitor_command(const Domain& domain, const std::string& line, int descriptor);

 private:
  struct State;
  struct Callbacks;
  explicit Connection(std::shared_ptr<State> state);
  void run();
  std::shared_ptr<State> state_;
  std::unique_ptr<ConnectionThread> thread_;
};

}  // namespace ringside::agent::libvirt
