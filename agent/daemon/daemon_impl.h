// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the daemon is made of; only daemon.cpp and daemon_api.cpp see it.
#include "agent/daemon/actions.h"
#include "agent/daemon/daemon.h"
#include "agent/daemon/guest_list.h"
#include "agent/daemon/metrics.h"
#include "agent/daemon/output_set.h"
#include "agent/daemon/rules_in_force.h"
#include "agent/daemon/wall_clock.h"
#include "agent/http/http_server.h"
#include "agent/sources/guest_registry.h"
#include "agent/state_directory.h"
#include "agent/store/exception_uses.h"
#include "agent/tables_reference.h"
#include "base/io/event_loop.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

struct Daemon::Impl final : AgentApi {
  explicit Impl(Options given) : options(std::move(given)), rules(options.config_file, options.must_exist) {}
  ~Impl() override { stop(); }

  Attempt<void> open(std::vector<policies::Diagnostic>& diagnostics);
  Result<void> open_state(const Config& config);
  void give_frozen_back();
  Result<void> start_sources(const Config::Guests& guests);
  Result<void> listen(const Config& config);
  void stop();
  void turn();
  void notice_changes();
  Result<Json> load_anew(const std::string& who);

  // AgentApi
  bool ready(std::string& why) override;
  Json status() override;
  Json guests() override { return list->describe(); }
  Result<Json> guest(const std::string& name) override;
  Result<Json> findings(const FindingStore::Filter& filter) override;
  Result<Json> finding(const std::string& id) override;
  Result<Json> acknowledge(const std::string& id, const std::string& note, const Caller& caller) override;
  Result<Json> accept(const std::string& id, const std::string& note, const Caller& caller) override;
  Result<Json> explain(const std::string& id) override;
  Json policies() override;
  Json tables() override { return tables_json(); }
  Result<Json> query(const std::string& guest, const std::string& sql) override;
  std::string metrics() override;
  Result<Json> reload(const Caller& caller) override { return load_anew(caller.name); }
  std::shared_ptr<void> subscribe(std::function<void(const AgentEvent&)> handler) override {
    return events.subscribe(std::move(handler));
  }

  Options options;
  Moment started = wall_clock();
  std::chrono::steady_clock::time_point started_at = std::chrono::steady_clock::now();
  std::optional<StateDirectory> state;
  std::unique_ptr<StateDatabase> database;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<FindingStore> store;
  std::unique_ptr<ExceptionUses> exception_uses;
  std::unique_ptr<EvidenceStore> evidence;
  AgentEvents events;
  std::unique_ptr<OutputSet> outputs;  ///< outlives the ledger, which hands events to it
  std::unique_ptr<Ledger> ledger;
  CircuitBreaker breaker;
  Metrics metrics_;
  GuestNames names;
  io::EventLoop loop;

  RulesInForce rules;
  std::mutex reloading;  ///< one at a time

  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<GuestList> list;
  std::unique_ptr<GuestRegistry> registry;
  std::mutex doors;  ///< of the two lists below; who connects at once asks for them
  std::vector<std::unique_ptr<GuestSource>> sources;
  std::vector<std::unique_ptr<HttpServer>> servers;
  std::chrono::steady_clock::time_point next_files{}, next_tidy{};
  std::atomic<bool> tidy_soon = false;  ///< set by whoever reloads
};

/// Of the machine that the daemon runs on; empty if it has none.
std::string host_name();

}  // namespace ringside::agent
