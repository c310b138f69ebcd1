// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/daemon.h"

#include "agent/control_socket.h"
#include "agent/daemon/actions.h"
#include "agent/daemon/exception_findings.h"
#include "agent/daemon/guest_list.h"
#include "agent/daemon/metrics.h"
#include "agent/daemon/rules_loader.h"
#include "agent/daemon/wall_clock.h"
#include "agent/http/http_server.h"
#include "agent/libvirt/connect.h"
#include "agent/libvirt/uri.h"
#include "agent/log.h"
#include "agent/output/format.h"
#include "agent/outputs/output_dispatcher.h"
#include "agent/policies.h"
#include "agent/signals.h"
#include "agent/sources/endpoint_source.h"
#include "agent/sources/guest_registry.h"
#include "agent/sources/hook_source.h"
#include "agent/sources/socket_source.h"
#include "agent/state_directory.h"
#include "agent/tables_reference.h"
#include "agent/version.h"
#include "gdbstub/session_machine.h"
#include "guest/live/freeze_journal.h"
#include "guest/live/golden_files.h"
#include "guest/live/kernel_store.h"

#include <fmt/format.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace ringside::agent {

using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

unsigned workers_of(const Config& config) {
  if (config.watching.workers != 0) return config.watching.workers;
  return std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Json counts(const std::vector<FindingRecord>& open) {
  Json severities = Json::object();
  for (const char* severity : {"critical", "high", "medium", "low", "info"}) severities[severity] = 0;
  Json kinds = Json::object();
  std::size_t suppressed = 0, acknowledged = 0;
  for (const auto& record : open) {
    if (record.suppressed_by) {
      ++suppressed;
      continue;
    }
    auto& count = severities[std::string(to_string(record.severity))];
    count = count.get<int>() + 1;
    auto& of_kind = kinds[std::string(to_string(record.kind))];
    of_kind = of_kind.is_null() ? 1 : of_kind.get<int>() + 1;
    acknowledged += record.acknowledged.has_value();
  }
  return {{"open", std::move(severities)},
          {"kinds", std::move(kinds)},
          {"suppressed", suppressed},
          {"acknowledged", acknowledged}};
}

Json exception_ids(const std::vector<const policies::Exception*>& exceptions) {
  Json ids = Json::array();
  for (const auto* exception : exceptions) ids.push_back(exception->id);
  return ids;
}

}  // namespace

struct Daemon::Impl final : AgentApi {
  explicit Impl(Options given) : options(std::move(given)) {}
  ~Impl() override { stop(); }

  Attempt<void> open(std::vector<policies::Diagnostic>& diagnostics);
  Result<void> open_state();
  Result<void> start_outputs(const std::vector<OutputConfig>& wanted);
  void give_frozen_back();
  Result<void> start_sources();
  Result<void> listen();
  void stop();
  void turn();
  void notice_changes();
  Result<Json> load_anew(const std::string& who);
  Json output_statistics();

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
  steady_clock::time_point started_at = steady_clock::now();
  std::optional<StateDirectory> state;
  std::unique_ptr<StateDatabase> database;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<FindingStore> store;
  std::unique_ptr<ExceptionUses> exception_uses;
  std::unique_ptr<EvidenceStore> evidence;
  AgentEvents events;
  std::unique_ptr<Ledger> ledger;
  std::mutex outputs_mutex;
  std::unique_ptr<OutputDispatcher> outputs;
  std::vector<OutputConfig> outputs_config;
  CircuitBreaker breaker;
  Metrics metrics_;
  GuestNames names;
  io::EventLoop loop;

  std::mutex rules_mutex;
  std::shared_ptr<const Rules> rules;
  std::vector<std::string> files, notes;
  std::string files_fingerprint, load_error;
  Moment loaded_at{};

  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<GuestList> list;
  std::unique_ptr<GuestRegistry> registry;
  std::vector<std::unique_ptr<GuestSource>> sources;
  std::vector<std::unique_ptr<HttpServer>> servers;
  steady_clock::time_point next_files{}, next_tidy{};
  std::atomic<bool> tidy_soon = false;  ///< set by whoever reloads
};

Attempt<void> Daemon::Impl::open(std::vector<policies::Diagnostic>& diagnostics) {
  auto loaded = load_rules(options.config_file, options.must_exist);
  if (!loaded.rules) {
    diagnostics = std::move(loaded.errors);
    return fail(Failure({Errc::invalid_argument,
                         counted(diagnostics.size(), "error") + " in the configuration; nothing was started"},
                        Exit::usage));
  }
  rules = loaded.rules;
  files = std::move(loaded.files);
  notes = std::move(loaded.notes);
  for (const auto& note : notes) log::info(note);
  files_fingerprint = fingerprint_of(files);
  loaded_at = wall_clock();
  if (auto opened = open_state(); !opened) return fail(Failure(std::move(opened).error(), Exit::internal));
  if (const auto used = exception_uses->used())
    loaded.rules->exceptions.count_as_used(*used);
  else
    return fail(Failure(used.error(), Exit::internal));
  give_frozen_back();
  scheduler = std::make_unique<Scheduler>(workers_of(rules->config));
  list = std::make_unique<GuestList>(
      SessionTools{loop, state->path(), std::make_shared<guest::live::KernelStore>(state->path()),
                   std::make_shared<guest::live::GoldenFiles>(state->path()), *ledger, *store, *evidence,
                   breaker, metrics_, names,
                   [this](const std::string& id, const std::string& uuid, std::optional<pid_t> process) {
                     registry->learn(id, uuid, process);
                   }},
      *scheduler, rules);
  ledger->note("agent.started", {{"version", kVersion}, {"pid", ::getpid()}}, wall_clock());
  if (auto listening = listen(); !listening) return fail(Failure(std::move(listening).error(), Exit::usage));
  if (auto finding = start_sources(); !finding) return fail(Failure(std::move(finding).error(), Exit::usage));
  return {};
}

Result<void> Daemon::Impl::open_state() {
  RINGSIDE_TRY(state, StateDirectory::open());
  remove_broken_dumps(state->path() + "/dumps");
  RINGSIDE_TRY(database, StateDatabase::open(state->agent_database()));
  journal = std::make_unique<Journal>(*database);
  store = std::make_unique<FindingStore>(*database, *journal);
  exception_uses = std::make_unique<ExceptionUses>(*database);
  RINGSIDE_TRY(
      evidence,
      EvidenceStore::open(
          state->evidence(), rules->config.evidence_bytes,
          [this](const std::vector<std::string>& gone) -> Result<void> {
            RINGSIDE_CHECK(journal->append("evidence.dropped", Json{{"evidence", gone}}, wall_clock()));
            return {};
          }));
  ledger = std::make_unique<Ledger>(*database, *store, *journal, events, [this](const AgentEvent& event) {
    const std::lock_guard lock(outputs_mutex);
    // While they are replaced, events wait in the ledger.
    return outputs ? outputs->enqueue(event) : fail(Errc::unavailable, "the outputs are being started");
  });
  return start_outputs(rules->config.outputs);
}

Result<void> Daemon::Impl::start_outputs(const std::vector<OutputConfig>& wanted) {
  std::unique_ptr<OutputDispatcher> old;
  {
    const std::lock_guard lock(outputs_mutex);
    if (outputs && wanted == outputs_config) return {};
    old = std::move(outputs);
  }
  old.reset();  // waits for what it sends
  RINGSIDE_TRY(auto dispatcher, OutputDispatcher::start(*database, wanted, Origin::here(),
                                                        [this] {
                                                          FindingStore::Filter open;
                                                          open.state = FindingRecord::State::open;
                                                          open.suppressed = false;
                                                          open.limit = 100'000;
                                                          return store->list(open);
                                                        },
                                                        {}));
  const std::lock_guard lock(outputs_mutex);
  outputs = std::move(dispatcher);
  outputs_config = wanted;
  return {};
}

/// Guests that a killed agent left frozen.
void Daemon::Impl::give_frozen_back() {
  guest::live::FreezeJournal frozen(state->freeze_journal());
  for (const auto& replayed : frozen.replay(connectors(loop))) {
    const std::string who = io::to_string(replayed.entry.monitor);
    if (replayed.outcome)
      log::warning(who + ": gave the guest back that an interrupted ringside had frozen");
    else
      log::warning(who + ": an interrupted ringside froze this guest; giving it back failed: " +
                   replayed.outcome.error().message);
  }
}

Result<void> Daemon::Impl::listen() {
  ListenOptions control;
  control.path = !options.control_socket.empty() ? options.control_socket : rules->config.control.socket;
  if (control.path.empty()) {
    RINGSIDE_TRY(control.path, default_control_socket());
  }
  control.group = rules->config.control.group;
  const std::lock_guard lock(rules_mutex);  // who connects at once asks for the list of servers
  RINGSIDE_TRY(auto local, HttpServer::start(loop, control, *this));
  servers.push_back(std::move(local));
  const auto& http = rules->config.http;
  if (http.listen.empty()) return {};
  RINGSIDE_TRY(const auto endpoint, io::parse_endpoint("tcp:" + http.listen));
  ListenOptions network;
  network.host = endpoint.host;
  network.port = endpoint.port;
  network.certificate_file = http.certificate_file;
  network.key_file = http.key_file;
  network.client_ca_file = http.client_ca_file;
  network.token_file = http.token_file;
  RINGSIDE_TRY(auto server, HttpServer::start(loop, network, *this));
  servers.push_back(std::move(server));
  return {};
}

Result<void> Daemon::Impl::start_sources() {
  registry = std::make_unique<GuestRegistry>([this](const GuestNews& news) { list->take(news); });
  const auto in_force = [this] {
    const std::lock_guard lock(rules_mutex);
    return rules;
  }();
  const auto& guests = in_force->config.guests;
  std::vector<std::unique_ptr<GuestSource>> made;
  std::vector<std::string> sockets = guests.sockets;
  sockets.insert(sockets.end(), options.sockets.begin(), options.sockets.end());
  if (!sockets.empty()) made.push_back(std::make_unique<SocketSource>(SocketSource::Options{sockets, {}}));
  std::vector<EndpointSource::Guest> endpoints;
  for (const auto& text : guests.endpoints) {
    RINGSIDE_TRY(auto endpoint, io::parse_endpoint(text));
    if (endpoint.kind == io::Endpoint::Kind::tls) endpoint.tls = guests.tls;
    endpoints.push_back({std::move(endpoint), "", {}});
  }
  if (!endpoints.empty()) made.push_back(std::make_unique<EndpointSource>(std::move(endpoints)));
  for (const auto& uri : guests.libvirt) {
    RINGSIDE_TRY(auto source, make_libvirt_source({libvirt::resolve_uri(uri), {}}));
    made.push_back(std::move(source));
  }
  if (!guests.hook.empty()) {
    HookSource::Options hook;
    hook.socket = guests.hook;
    hook.uri = libvirt::resolve_uri(guests.libvirt.empty() ? "" : guests.libvirt.front());
    made.push_back(std::make_unique<HookSource>(std::move(hook)));
  }
  {
    const std::lock_guard lock(rules_mutex);
    sources = std::move(made);
  }
  for (const auto& source : sources)
    RINGSIDE_CHECK(source->start([this](const GuestNews& news) {
      if (news.kind == GuestNews::Kind::failed)
        log::warning(news.candidate.name + ": " + news.why);
      else
        registry->take(news);
    }));
  return {};
}

void Daemon::Impl::stop() {
  // Both wait for calls that run, which may ask for the lists.
  std::vector<std::unique_ptr<GuestSource>> old_sources;
  std::vector<std::unique_ptr<HttpServer>> old_servers;
  {
    const std::lock_guard lock(rules_mutex);
    old_sources.swap(sources);
    old_servers.swap(servers);
  }
  old_sources.clear();
  old_servers.clear();
  if (list) list->stop();
  scheduler.reset();
  list.reset();
  if (ledger) ledger->note("agent.stopped", {{"pid", ::getpid()}}, wall_clock());
  const std::lock_guard lock(outputs_mutex);
  outputs.reset();
}

void Daemon::Impl::notice_changes() {
  const bool asked = signals::take_reload();
  if (!asked && steady_clock::now() < next_files) return;
  next_files = steady_clock::now() + seconds(2);
  if (!asked) {
    const std::lock_guard lock(rules_mutex);
    if (fingerprint_of(files) == files_fingerprint) return;
  }
  ::sd_notify(0, "RELOADING=1");
  if (auto loaded = load_anew(asked ? "SIGHUP" : "a file changed"); !loaded)
    log::warning("the configuration was not loaded anew, the last good one goes on: " +
                 loaded.error().message);
  ::sd_notify(0, "READY=1");
}

Result<Json> Daemon::Impl::load_anew(const std::string& who) {
  const std::lock_guard lock(rules_mutex);
  auto loaded = load_rules(options.config_file, options.must_exist);
  files_fingerprint = fingerprint_of(files);
  metrics_.reloaded(loaded.rules != nullptr);
  AgentEvent event;
  event.kind = AgentEvent::Kind::agent;
  event.at = wall_clock();
  if (!loaded.rules) {
    load_error.clear();
    for (const auto& error : loaded.errors) load_error += policies::render(error, false);
    event.what = "reload.failed";
    event.text = loaded.errors.front().file + ": " + loaded.errors.front().message;
    ledger->tell(event);
    return fail(Errc::invalid_argument, load_error);
  }
  load_error.clear();
  loaded.rules->exceptions.carry_uses(rules->exceptions);
  rules = loaded.rules;
  files = std::move(loaded.files);
  if (notes != loaded.notes)
    for (const auto& note : loaded.notes) log::info(note);
  notes = std::move(loaded.notes);
  files_fingerprint = fingerprint_of(files);
  loaded_at = wall_clock();
  list->replace_rules(rules);
  tidy_soon = true;  // exceptions may be others
  const auto outputs_before = outputs_config;
  if (auto begun = start_outputs(rules->config.outputs); !begun) {
    log::warning("outputs: " + begun.error().message + "; those of before go on");
    if (auto again = start_outputs(outputs_before); !again) log::warning("outputs: " + again.error().message);
  }
  event.what = "reload.done";
  event.text = fmt::format("{} loaded ({})", counted(rules->policies.size(), "policy"), who);
  log::info(event.text);
  ledger->note("agent.reloaded", {{"by", who}, {"policies", rules->policies.size()}}, event.at);
  ledger->tell(event);
  return Json{{"policies", rules->policies.size()}};
}

void Daemon::Impl::turn() {
  notice_changes();
  list->tidy();
  ledger->flush();
  if (!tidy_soon.exchange(false) && steady_clock::now() < next_tidy) return;
  next_tidy = steady_clock::now() + seconds(60);
  // A look that evaluates everything takes tens of megabytes for a moment, on whichever thread: without this
  // each thread's arena keeps as much for the next time.
  ::malloc_trim(0);
  const auto in_force = [&] {
    const std::lock_guard lock(rules_mutex);
    return rules;
  }();
  if (auto told = tell_exceptions(*exception_uses, in_force->exceptions,
                                  in_force->config.policies.unused_exceptions_after, host_name(), *store,
                                  *ledger, wall_clock());
      !told)
    log::warning("exceptions: " + told.error().message);
  if (auto forgotten = store->forget_resolved(in_force->config.resolved_findings); !forgotten)
    log::warning("old findings: " + forgotten.error().message);
}

bool Daemon::Impl::ready(std::string& why) {
  const auto writing = ledger->statistics();
  if (writing.error.empty()) return true;
  why = writing.error;
  return false;
}

Json Daemon::Impl::output_statistics() {
  const std::lock_guard lock(outputs_mutex);
  Json all = Json::array();
  if (!outputs) return all;
  if (const auto statistics = outputs->statistics())
    for (const auto& one : *statistics) all.push_back(to_json(one));
  return all;
}

Json Daemon::Impl::status() {
  FindingStore::Filter open;
  open.state = FindingRecord::State::open;
  open.limit = 100'000;
  const auto records = store->list(open);
  const auto totals = list->totals();
  const auto runs = scheduler->statistics();
  const auto writing = ledger->statistics();
  const Json to = output_statistics();
  const std::lock_guard lock(rules_mutex);
  Json where = Json::array(), from = Json::array();
  for (const auto& server : servers) where.push_back(server->where());
  for (const auto& source : sources) from.push_back(source->describe());
  std::size_t checks = 0;
  for (const auto& policy : rules->policies) checks += policy.checks.size();
  return {{"version", kVersion},
          {"pid", ::getpid()},
          {"host", host_name()},
          {"started", rfc3339(started)},
          {"uptime_seconds", std::chrono::duration_cast<seconds>(steady_clock::now() - started_at).count()},
          {"listening", std::move(where)},
          {"sources", std::move(from)},
          {"guests", {{"watched", totals.watched}, {"waiting", totals.waiting}, {"failed", totals.failed}}},
          {"findings", records ? counts(*records) : Json{{"error", records.error().message}}},
          {"exceptions",
           {{"count", rules->exceptions.all().size()},
            {"expired", exception_ids(rules->exceptions.expired(wall_clock()))},
            {"unused", exception_ids(rules->exceptions.unused())}}},
          {"policies",
           {{"count", rules->policies.size()},
            {"checks", checks},
            {"loaded_at", rfc3339(loaded_at)},
            {"notes", notes},
            {"error", load_error.empty() ? Json() : Json(load_error)}}},
          {"outputs", to},
          {"store",
           {{"waiting", writing.waiting},
            {"dropped", writing.dropped},
            {"error", writing.error.empty() ? Json() : Json(writing.error)}}},
          {"scheduler",
           {{"workers", runs.threads},
            {"ticks", totals.ticks},
            {"missed", totals.missed},
            {"lag_milliseconds", std::chrono::duration<double, std::milli>(runs.longest_wait).count()}}}};
}

Result<Json> Daemon::Impl::guest(const std::string& name) {
  RINGSIDE_TRY(const auto session, list->find(name));
  return session->describe();
}

Result<Json> Daemon::Impl::findings(const FindingStore::Filter& filter) {
  RINGSIDE_TRY(const auto records, store->list(filter));
  Json all = Json::array();
  for (const auto& record : records) all.push_back(to_json(record));
  return all;
}

Result<Json> Daemon::Impl::finding(const std::string& id) {
  RINGSIDE_TRY(const auto record, store->find(id));
  return to_json(record);
}

Result<Json> Daemon::Impl::acknowledge(const std::string& id, const std::string& note, const Caller& caller) {
  RINGSIDE_TRY(const auto record, ledger->acknowledge(id, {caller.name, note, wall_clock()}));
  return to_json(record);
}

Result<Json> Daemon::Impl::accept(const std::string& id, const std::string& note, const Caller& caller) {
  RINGSIDE_TRY(const auto record, store->find(id));
  RINGSIDE_TRY(const auto session, list->find(record.guest));
  return session->accept(record, note, caller.name);
}

Result<Json> Daemon::Impl::explain(const std::string& id) {
  RINGSIDE_TRY(const auto record, store->find(id));
  RINGSIDE_TRY(const auto session, list->find(record.guest));
  return session->explain(record.id);
}

Json Daemon::Impl::policies() {
  const std::lock_guard lock(rules_mutex);
  Json all = Json::array();
  for (const auto& policy : rules->policies) {
    Json checks = Json::array();
    for (const auto& check : policy.checks)
      checks.push_back({{"id", check.id},
                        {"title", check.title},
                        {"severity", to_string(check.severity)},
                        {"actions", check.actions}});
    all.push_back({{"name", policy.name},
                   {"version", policy.version},
                   {"title", policy.title},
                   {"mode", to_string(policy.mode)},
                   {"interval_milliseconds", policy.interval.count()},
                   {"attack", policy.attack},
                   {"checks", std::move(checks)}});
  }
  return all;
}

Result<Json> Daemon::Impl::query(const std::string& guest, const std::string& sql) {
  RINGSIDE_TRY(const auto session, list->find(guest));
  return session->query(sql);
}

std::string Daemon::Impl::metrics() {
  FindingStore::Filter open;
  open.state = FindingRecord::State::open;
  open.limit = 100'000;
  const auto records = store->list(open);
  std::vector<OutputDispatcher::Statistics> of_outputs;
  {
    const std::lock_guard lock(outputs_mutex);
    if (outputs)
      if (auto statistics = outputs->statistics()) of_outputs = std::move(*statistics);
  }
  const std::lock_guard lock(rules_mutex);
  const std::size_t all = rules->exceptions.all().size(),
                    expired = rules->exceptions.expired(wall_clock()).size();
  return metrics_.page({list->summaries(),
                        records ? *records : std::vector<FindingRecord>(),
                        rules->policies,
                        ledger->statistics(),
                        std::move(of_outputs),
                        {all - expired, expired, rules->exceptions.unused().size()},
                        guest::memory::read_totals(),
                        gdbstub::packets_sent()});
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

Attempt<std::unique_ptr<Daemon>> Daemon::start(Options options,
                                               std::vector<policies::Diagnostic>& diagnostics) {
  auto impl = std::make_unique<Impl>(std::move(options));
  RINGSIDE_CHECK(impl->open(diagnostics));
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

Daemon::Checked Daemon::check(const Options& options) {
  auto loaded = load_rules(options.config_file, options.must_exist);
  return {std::move(loaded.errors), std::move(loaded.notes)};
}

AgentApi& Daemon::api() {
  return *impl_;
}

std::vector<std::string> Daemon::describe() const {
  std::vector<std::string> lines;
  for (const auto& server : impl_->servers) lines.push_back("answers at " + server->where());
  for (const auto& source : impl_->sources) lines.push_back("looks for guests: " + source->describe());
  if (impl_->sources.empty())
    lines.emplace_back(
        "looks for no guests: name some in the configuration (guests.sockets) or by --sockets");
  return lines;
}

void Daemon::run() {
  signals::let_hangup_reload();
  ::sd_notify(0, "READY=1");
  std::uint64_t watchdog = 0;
  const bool watched = ::sd_watchdog_enabled(0, &watchdog) > 0;
  while (signals::received() == 0) {
    impl_->turn();
    if (watched) ::sd_notify(0, "WATCHDOG=1");
    signals::wait_until(steady_clock::now() + seconds(1));
  }
  ::sd_notify(0, "STOPPING=1");
}

}  // namespace ringside::agent
