// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/agent_event.h"
#include "agent/store/finding_store.h"
#include "base/error.h"

#include <functional>
#include <memory>
#include <string>

namespace ringside::agent {

/// Who asks.
struct Caller {
  std::string name;        ///< "uid 1000", the subject of a client certificate, "token": for the journal
  bool may_write = false;  ///< acknowledge, accept
};

/// What the running daemon offers to its clients, as the documents that they get. Thread-safe; may block for
/// as long as a guest takes to answer (query), so it is never called on the I/O thread.
class AgentApi {
 public:
  virtual ~AgentApi() = default;

  /// False: it still starts, or cannot do its work; `why` says so.
  virtual bool ready(std::string& why) = 0;
  virtual Json status() = 0;
  /// An array, one object a guest, sorted by name.
  virtual Json guests() = 0;
  virtual Result<Json> guest(const std::string& name) = 0;
  virtual Result<Json> findings(const FindingStore::Filter& filter) = 0;
  virtual Result<Json> finding(const std::string& id) = 0;
  virtual Result<Json> acknowledge(const std::string& id, const std::string& note, const Caller& caller) = 0;
  /// Takes the state that a finding complains about into the guest's baseline.
  virtual Result<Json> accept(const std::string& id, const std::string& note, const Caller& caller) = 0;
  /// Which exception matched a finding, or why none did.
  virtual Result<Json> explain(const std::string& id) = 0;
  virtual Json policies() = 0;
  virtual Json tables() = 0;
  /// A read-only SQL query over one guest's tables: {"columns": [...], "rows": [...], "incomplete": [...]}.
  virtual Result<Json> query(const std::string& guest, const std::string& sql) = 0;
  /// Prometheus text format.
  virtual std::string metrics() = 0;
  /// Loads configuration and policies anew; an error: the last good ones go on.
  virtual Result<Json> reload(const Caller& caller) = 0;

  /// `handler` gets every event from now on while the subscription lives, on some thread; it must not block.
  /// Neither must this, nor giving the subscription up: the I/O thread does it.
  [[nodiscard]] virtual std::shared_ptr<void> subscribe(std::function<void(const AgentEvent&)> handler) = 0;
};

}  // namespace ringside::agent
