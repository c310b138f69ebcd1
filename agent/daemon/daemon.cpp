// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/daemon.h"

#include "agent/control_socket.h"
#include "agent/daemon/daemon_impl.h"
#include "agent/daemon/exception_findings.h"
#include "agent/libvirt/connect.h"
#include "agent/libvirt/uri.h"
#include "agent/log.h"
#include "agent/output/format.h"
#include "agent/signals.h"
#include "agent/sources/endpoint_source.h"
#include "agent/sources/hook_source.h"
#include "agent/sources/socket_source.h"
#include "agent/version.h"
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

}  // namespace

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Attempt<void> Daemon::Impl::open(std::vector<policies::Diagnostic>& diagnostics) {
  diagnostics = rules.load();
  if (!diagnostics.empty())
    return fail(Failure({Errc::invalid_argument,
                         counted(diagnostics.size(), "error") + " in the configuration; nothing was started"},
                        Exit::usage));
  const auto in_force = rules.get();
  if (auto opened = open_state(in_force->config); !opened)
    return fail(Failure(std::move(opened).error(), Exit::internal));
  const auto used = exception_uses->used();
  if (!used) return fail(Failure(used.error(), Exit::internal));
  rules.count_as_used(*used);
  give_frozen_back();
  scheduler = std::make_unique<Scheduler>(workers_of(in_force->config));
  list = std::make_unique<GuestList>(
      SessionTools{loop, state->path(), std::make_shared<guest::live::KernelStore>(state->path()),
                   std::make_shared<guest::live::GoldenFiles>(state->path()), *ledger, *store, *evidence,
                   breaker, metrics_, names,
                   [this](const std::string& id, const std::string& uuid, std::optional<pid_t> process) {
                     registry->learn(id, uuid, process);
                   }},
      *scheduler, in_force);
  ledger->note("agent.started", {{"version", kVersion}, {"pid", ::getpid()}}, wall_clock());
  if (auto listening = listen(in_force->config); !listening)
    return fail(Failure(std::move(listening).error(), Exit::usage));
  if (auto finding = start_sources(in_force->config.guests); !finding)
    return fail(Failure(std::move(finding).error(), Exit::usage));
  return {};
}

Result<void> Daemon::Impl::open_state(const Config& config) {
  RINGSIDE_TRY(state, StateDirectory::open());
  remove_broken_dumps(state->path() + "/dumps");
  RINGSIDE_TRY(database, StateDatabase::open(state->agent_database()));
  journal = std::make_unique<Journal>(*database);
  store = std::make_unique<FindingStore>(*database, *journal);
  exception_uses = std::make_unique<ExceptionUses>(*database);
  RINGSIDE_TRY(
      evidence,
      EvidenceStore::open(
          state->evidence(), config.evidence_bytes,
          [this](const std::vector<std::string>& gone) -> Result<void> {
            RINGSIDE_CHECK(journal->append("evidence.dropped", Json{{"evidence", gone}}, wall_clock()));
            return {};
          }));
  outputs = std::make_unique<OutputSet>(*database, [this] {
    FindingStore::Filter open;
    open.state = FindingRecord::State::open;
    open.suppressed = false;
    open.limit = 100'000;
    return store->list(open);
  });
  // While they are replaced, events wait in the ledger.
  ledger = std::make_unique<Ledger>(*database, *store, *journal, events,
                                    [this](const AgentEvent& event) { return outputs->enqueue(event); });
  return outputs->start(config.outputs);
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

Result<void> Daemon::Impl::listen(const Config& config) {
  ListenOptions control;
  control.path = !options.control_socket.empty() ? options.control_socket : config.control.socket;
  if (control.path.empty()) {
    RINGSIDE_TRY(control.path, default_control_socket());
  }
  control.group = config.control.group;
  const std::lock_guard lock(doors);
  RINGSIDE_TRY(auto local, HttpServer::start(loop, control, *this));
  servers.push_back(std::move(local));
  const auto& http = config.http;
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

Result<void> Daemon::Impl::start_sources(const Config::Guests& guests) {
  registry = std::make_unique<GuestRegistry>([this](const GuestNews& news) { list->take(news); });
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
    const std::lock_guard lock(doors);
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
    const std::lock_guard lock(doors);
    old_sources.swap(sources);
    old_servers.swap(servers);
  }
  old_sources.clear();
  old_servers.clear();
  if (list) list->stop();
  scheduler.reset();
  list.reset();
  if (ledger) ledger->note("agent.stopped", {{"pid", ::getpid()}}, wall_clock());
  if (outputs) outputs->stop();
}

void Daemon::Impl::notice_changes() {
  const bool asked = signals::take_reload();
  if (!asked && steady_clock::now() < next_files) return;
  next_files = steady_clock::now() + seconds(2);
  if (!asked && !rules.files_changed()) return;
  ::sd_notify(0, "RELOADING=1");
  if (auto loaded = load_anew(asked ? "SIGHUP" : "a file changed"); !loaded)
    log::warning("the configuration was not loaded anew, the last good one goes on: " +
                 loaded.error().message);
  ::sd_notify(0, "READY=1");
}

Result<Json> Daemon::Impl::load_anew(const std::string& who) {
  const std::lock_guard lock(reloading);
  const auto errors = rules.load();
  metrics_.reloaded(errors.empty());
  AgentEvent event;
  event.kind = AgentEvent::Kind::agent;
  event.at = wall_clock();
  if (!errors.empty()) {
    event.what = "reload.failed";
    event.text = errors.front().file + ": " + errors.front().message;
    ledger->tell(event);
    return fail(Errc::invalid_argument, rules.account().error);
  }
  const auto in_force = rules.get();
  list->replace_rules(in_force);
  tidy_soon = true;  // exceptions may be others
  if (auto begun = outputs->replace(in_force->config.outputs); !begun)
    log::warning("outputs: " + begun.error().message + "; those of before go on");
  event.what = "reload.done";
  event.text = fmt::format("{} loaded ({})", counted(in_force->policies.size(), "policy"), who);
  log::info(event.text);
  ledger->note("agent.reloaded", {{"by", who}, {"policies", in_force->policies.size()}}, event.at);
  ledger->tell(event);
  return Json{{"policies", in_force->policies.size()}};
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
  const auto in_force = rules.get();
  if (auto told = tell_exceptions(*exception_uses, in_force->exceptions,
                                  in_force->config.policies.unused_exceptions_after, host_name(), *store,
                                  *ledger, wall_clock());
      !told)
    log::warning("exceptions: " + told.error().message);
  if (auto forgotten = store->forget_resolved(in_force->config.resolved_findings); !forgotten)
    log::warning("old findings: " + forgotten.error().message);
}

namespace {

/// What a look reads is copied, megabytes at a time, and most of it let go again. By itself the C library
/// puts blocks as large as any that was freed before among the small ones, where holes stay (mallopt(3),
/// M_MMAP_THRESHOLD); with a size of ours each goes back at once.
void keep_large_blocks_apart() {
  constexpr int kLarge = 256 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
}

}  // namespace

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

Attempt<std::unique_ptr<Daemon>> Daemon::start(Options options,
                                               std::vector<policies::Diagnostic>& diagnostics) {
  keep_large_blocks_apart();
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
