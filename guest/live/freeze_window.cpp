// SPDX-License-Identifier: Apache-2.0
#include "guest/live/freeze_window.h"

#include "guest/live/private_directory.h"
#include "guest/live/qemu_process.h"
#include "guest/live/run_state.h"
#include "qmp/commands.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace ringside::guest::live {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kReconnectPause = std::chrono::milliseconds(100);
constexpr std::size_t kSocketPathBound = 107;  // sun_path less its end, unix(7)

/// The windows of this process.
struct OpenWindows {
  std::mutex mutex;
  std::vector<std::pair<io::Endpoint, FreezeWindow*>> windows;
};
OpenWindows& open_windows() {
  static OpenWindows all;
  return all;
}

/// The connection, not the command, failed.
bool is_lost(const Error& error, const qmp::Monitor& monitor) {
  return error.code == Errc::closed || error.code == Errc::io || !monitor.connected();
}

}  // namespace

struct FreezeWindow::Impl {
  Connectors connectors;
  qmp::Monitor* monitor;  ///< the caller's, or `replacement`
  FreezeJournal& journal;
  FreezeJournal::Entry entry{};
  std::string file{};
  std::unique_ptr<qmp::Monitor> replacement{};
  std::optional<PrivateDirectory> directory{};
  std::unique_ptr<gdbstub::Stub> stub{};
  bool stub_writes = false;
  bool ran = false;  ///< before the window
  Clock::time_point stopped_at = Clock::now();
  std::optional<Clock::time_point> ended_at{};
  std::optional<Result<void>> outcome{};

  Impl(Connectors c, qmp::Monitor& m, FreezeJournal& j) : connectors(std::move(c)), monitor(&m), journal(j) {}

  Result<void> promise();
  Result<void> stop();
  Result<void> start_gdbserver(const std::string& base);
  bool qemu_ended() const { return entry.qemu != 0 && !is_alive(entry.qemu, entry.qemu_start); }
  Result<void> reconnect();
  template <class Action>
  Result<void> over_qmp(Action action);
  Result<void> over_gdb();
  Result<void> end();
};

/// Learns the run state and puts the promise to restore it on disk.
Result<void> FreezeWindow::Impl::promise() {
  RINGSIDE_TRY(const qmp::RunStatus status, monitor->call(qmp::query_status()));
  ran = status.running;
  const auto peer = monitor->peer();
  const pid_t self = ::getpid();
  entry.monitor = monitor->endpoint();
  entry.was_running = status.running;
  entry.owner = self;
  entry.owner_start = process_start(self).value_or(0);
  if (const auto started = peer ? process_start(peer->pid) : std::nullopt) {
    entry.qemu = peer->pid;
    entry.qemu_start = *started;
  }
  RINGSIDE_TRY(file, journal.write(entry));
  // Looked at after ours stands, so that of two that come at once at least one sees the other.
  if (!journal.held_by_another(file, entry)) return {};
  journal.remove(file);
  return fail(Errc::unavailable,
              fmt::format("{} is held frozen by another ringside window", io::to_string(entry.monitor)),
              "try again when it is done");
}

Result<void> FreezeWindow::Impl::stop() {
  stopped_at = Clock::now();
  if (!entry.was_running) return {};
  RINGSIDE_CHECK(monitor->call(qmp::stop()));
  RINGSIDE_TRY(const qmp::RunStatus status, monitor->call(qmp::query_status()));
  if (status.running) return fail(Errc::mismatch, "QEMU accepted stop but the guest still runs");
  return {};
}

Result<void> FreezeWindow::Impl::start_gdbserver(const std::string& base) {
  RINGSIDE_TRY(directory, PrivateDirectory::create(base, monitor->peer()));
  const std::string socket = directory->path() + "/gdb";
  if (socket.size() > kSocketPathBound)
    return fail(Errc::invalid_argument, fmt::format("{} is too long for a Unix socket", socket));
  entry.gdb_socket = socket;
  RINGSIDE_CHECK(journal.rewrite(file, entry));
  // Never without a device: bare `gdbserver` listens on every address, without authentication.
  RINGSIDE_TRY(
      const std::string answer,
      monitor->call(qmp::human_monitor_command(fmt::format("gdbserver unix:{},server=on,wait=off", socket))));
  if (answer.find("Waiting for gdb connection") == std::string::npos)
    return fail(Errc::peer_error, fmt::format("QEMU cannot open its gdbstub on {}: {}", socket,
                                              answer.substr(0, answer.find_first_of("\r\n"))));
  struct stat info {};
  if (::stat(socket.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode))
    return fail(Errc::unsupported, fmt::format("QEMU made its gdbstub socket out of our sight ({})", socket),
                "QEMU and ringside must share a folder, for example that of the QMP socket");
  return {};
}

Result<void> FreezeWindow::Impl::reconnect() {
  const Clock::time_point until = Clock::now() + connectors.patience;
  while (true) {
    if (qemu_ended()) return fail(Errc::gone, "QEMU has ended");
    auto connected = connectors.monitor(entry.monitor);
    if (connected) {
      replacement = std::move(*connected);
      monitor = replacement.get();
      return {};
    }
    if (Clock::now() >= until) return fail(connected.error());
    std::this_thread::sleep_for(kReconnectPause);
  }
}

/// Runs `action`; if the connection is lost on the way, once more over a new one.
template <class Action>
Result<void> FreezeWindow::Impl::over_qmp(Action action) {
  Result<void> done = monitor->connected() ? action() : fail(Errc::closed, "the QMP connection is lost");
  // A busy QEMU may answer late; whether the guest runs again is all that counts, so ask once more.
  if (!done && done.error().code == Errc::deadline && monitor->connected()) done = action();
  if (done || !is_lost(done.error(), *monitor)) return done;
  if (auto again = reconnect(); !again) return again;
  return action();
}

/// The way out when QMP is lost for good: gdb's `D` resumes whatever the state was.
Result<void> FreezeWindow::Impl::over_gdb() {
  if (!entry.was_running || entry.gdb_socket.empty())
    return fail(Errc::closed, "no gdbstub to resume the guest by");
  Result<void> resumed = stub ? stub->detach_and_resume() : fail(Errc::closed, "the gdb connection is lost");
  if (!resumed) {
    stub.reset();
    RINGSIDE_TRY(stub, connectors.stub(entry.gdb_socket, {}));
    resumed = stub->detach_and_resume();
  }
  stub.reset();
  return resumed;
}

Result<void> FreezeWindow::Impl::end() {
  const bool had_gdbstub = !entry.gdb_socket.empty();
  // The stub is let go only when QMP is known to be there to resume the guest.
  Result<void> reached = over_qmp([this]() -> Result<void> {
    RINGSIDE_CHECK(monitor->call(qmp::query_status()));
    return {};
  });
  Result<void> resumed, stub_ended;
  if (reached) {
    if (stub) (void)stub->close();  // a lost gdb socket is closed already
    stub.reset();
    if (had_gdbstub) stub_ended = over_qmp([this] { return end_gdbstub(*monitor, entry.gdb_socket); });
    if (entry.was_running) resumed = over_qmp([&] { return resume_stopped(*monitor, had_gdbstub); });
  } else if (entry.was_running || qemu_ended()) {
    resumed = reached;
  } else if (had_gdbstub) {
    stub_ended = reached;  // nothing to resume
  }
  if (!resumed && qemu_ended()) resumed = fail(Errc::gone, "QEMU has ended while the guest was frozen");
  if (!resumed && resumed.error().code != Errc::gone && over_gdb()) {
    // The guest runs; what is left to do at the next start is to end the gdbstub.
    entry.was_running = false;
    resumed = {};
    stub_ended = fail(Errc::closed, "the guest was resumed by its gdbstub, which QEMU still has");
  }
  ended_at = Clock::now();
  const bool over = (resumed && stub_ended) || (!resumed && resumed.error().code == Errc::gone);
  if (over) {
    journal.remove(file);
  } else {
    entry.owner = 0;  // given up: any replay may have it, this process's too
    entry.owner_start = 0;
    (void)journal.rewrite(file, entry);
  }
  if (over || stub_ended) directory.reset();
  if (!resumed) return fail(resumed.error().within("the guest's run state could not be given back"));
  return stub_ended;
}

FreezeWindow::FreezeWindow(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<FreezeWindow>> FreezeWindow::open(io::EventLoop& loop, qmp::Monitor& monitor,
                                                         FreezeJournal& journal) {
  return open(connectors_on(loop), monitor, journal);
}

Result<std::unique_ptr<FreezeWindow>> FreezeWindow::open(Connectors connectors, qmp::Monitor& monitor,
                                                         FreezeJournal& journal) {
  if (on(monitor) != nullptr)
    return fail(Errc::invalid_argument,
                fmt::format("{} is frozen already by this process", io::to_string(monitor.endpoint())));
  auto impl = std::make_unique<Impl>(std::move(connectors), monitor, journal);
  RINGSIDE_CHECK(impl->promise());
  std::unique_ptr<FreezeWindow> window(new FreezeWindow(std::move(impl)));
  {
    OpenWindows& all = open_windows();
    const std::lock_guard lock(all.mutex);
    all.windows.emplace_back(monitor.endpoint(), window.get());
  }
  if (auto stopped = window->impl_->stop(); !stopped) {
    // The stop may have been carried out all the same (a late or lost reply): close() looks and resumes.
    (void)window->close();
    return fail(stopped.error().within("cannot stop the guest"));
  }
  return window;
}

FreezeWindow* FreezeWindow::on(const qmp::Monitor& monitor) {
  OpenWindows& all = open_windows();
  const std::lock_guard lock(all.mutex);
  const auto found = std::find_if(all.windows.begin(), all.windows.end(),
                                  [&](const auto& window) { return window.first == monitor.endpoint(); });
  return found == all.windows.end() ? nullptr : found->second;
}

FreezeWindow::~FreezeWindow() {
  (void)close();
}

Result<gdbstub::Stub*> FreezeWindow::attach_gdbstub(gdbstub::StubOptions options) {
  if (impl_->outcome) return fail(Errc::invalid_argument, "the freeze window is closed");
  if (impl_->stub && (impl_->stub_writes || !options.allow_writes)) return impl_->stub.get();
  impl_->stub.reset();  // QEMU's gdbstub serves one client
  if (!impl_->directory) {
    RINGSIDE_TRY(const GdbstubInUse use, gdbstub_in_use(*impl_->monitor, {}));
    if (use.active)
      return fail(Errc::unavailable, "this QEMU's gdbstub is in use or was opened by somebody else",
                  "end it with the monitor command `gdbserver none` if it is not needed");
    Result<void> started = fail(Errc::unavailable, "there is no folder for the gdbstub's socket");
    for (const std::string& base : private_directory_bases(impl_->entry.monitor)) {
      started = impl_->start_gdbserver(base);
      if (started) break;
      RINGSIDE_CHECK(end_gdbstub(*impl_->monitor, impl_->entry.gdb_socket));
      impl_->directory.reset();
    }
    if (!started) return fail(started.error());
  }
  RINGSIDE_TRY(impl_->stub, impl_->connectors.stub(impl_->entry.gdb_socket, options));
  impl_->stub_writes = options.allow_writes;
  return impl_->stub.get();
}

Result<void> FreezeWindow::close() {
  if (!impl_->outcome) {
    impl_->outcome = impl_->end();
    OpenWindows& all = open_windows();
    const std::lock_guard lock(all.mutex);
    std::erase_if(all.windows, [this](const auto& window) { return window.second == this; });
  }
  return *impl_->outcome;
}

bool FreezeWindow::was_running() const {
  return impl_->ran;
}

std::chrono::microseconds FreezeWindow::frozen_for() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(impl_->ended_at.value_or(Clock::now()) -
                                                               impl_->stopped_at);
}

}  // namespace ringside::guest::live
