// SPDX-License-Identifier: Apache-2.0
// A guest that libvirt manages: found by libvirt and by its hook, reached through libvirt's monitor, over a
// restart of libvirt's daemon.
#include "agent/libvirt/connect.h"
#include "agent/libvirt/monitor.h"
#include "agent/sources/guest_registry.h"
#include "agent/sources/hook_source.h"
#include "base/io/event_loop.h"
#include "guest/live/live_guest.h"
#include "qmp/commands.h"
#include "tests/lab/libvirt_host.h"
#include "tests/lab/serial_console.h"
#include "tests/unit/agent/sources/news_log.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace ringside::agent {
namespace {

using guest::live::LiveGuest;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kName = "lab guest", kUuid = "11111111-2222-3333-4444-555555555555";

/// Waits for a condition that will come, with a limit that no healthy machine reaches.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// The sources of an agent on that host.
struct Sources {
  explicit Sources(const lab::LibvirtHost& host)
      : hook({host.folder().file("hook.sock"), host.uri(), {}, {}}),
        libvirt(std::move(*make_libvirt_source({host.uri(), {}}))) {}
  Result<void> start() {
    const auto both = [this](NewsLog& own) {
      return [this, tell = own.teller()](const GuestNews& news) {
        tell(news);
        registry.take(news);
      };
    };
    RINGSIDE_CHECK(hook.start(both(by_hook)));
    return libvirt->start(both(by_libvirt));
  }
  NewsLog by_hook, by_libvirt, merged;
  GuestRegistry registry{merged.teller()};
  HookSource hook;
  std::unique_ptr<GuestSource> libvirt;
};

class Libvirt : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (libvirt_version().empty()) {
      why_not = {Errc::unavailable, "this build has no libvirt", {}};
      return;
    }
    auto started = lab::LibvirtHost::make();
    if (!started) {
      why_not = started.error();
      return;
    }
    host = std::move(*started);
    install_hook();
    if (const auto daemon = host->start_daemon(); !daemon) {
      why_not = daemon.error();
      return;
    }
    sources = std::make_unique<Sources>(*host);
    if (const auto began = sources->start(); !began) why_not = began.error();
    if (const auto created = host->create_domain(kName, kUuid); !created) {
      why_not = created.error();
      return;
    }
    auto console = lab::SerialConsole::connect(host->console(kName));
    if (console && console->read_until("RINGSIDE LAB READY", std::chrono::minutes(5)))
      ready = true;
    else
      why_not = {Errc::deadline, "the domain does not boot: " + host->log(), {}};
    if (ready) guest_console = std::make_unique<lab::SerialConsole>(std::move(*console));
  }
  static void TearDownTestSuite() {
    sources.reset();
    guest_console.reset();
    host.reset();
  }
  void SetUp() override {
    if (!ready && why_not.code == Errc::unavailable) GTEST_SKIP() << why_not.message;
    ASSERT_TRUE(ready) << why_not.message;
  }

  static void install_hook() {
    std::string script = text_of(RINGSIDE_SOURCE_DIR "/packaging/libvirt/50-ringside");
    for (const auto& [what, by] :
         {std::pair<std::string, std::string>("/usr/libexec/ringside/ringside-hook", RINGSIDE_HOOK_HELPER),
          {"/run/ringside/hook.sock", host->folder().file("hook.sock")}})
      script.replace(script.find(what), what.size(), by);
    const std::string file = host->hook_folder() + "/50-ringside";
    std::ofstream(file) << script;
    std::filesystem::permissions(file, std::filesystem::perms(0755));
  }

  static io::Endpoint endpoint() {
    io::Endpoint made;
    made.kind = io::Endpoint::Kind::libvirt;
    made.domain = kName;
    made.uri = host->uri();
    return made;
  }
  static Result<std::unique_ptr<LiveGuest>> attach(
      io::EventLoop& loop, guest::live::Backend backend = guest::live::Backend::automatic) {
    auto options = attach_options(loop, endpoint());
    options.backend = backend;
    options.state_directory = host->folder().file("state");
    return LiveGuest::attach(loop, std::move(options));
  }
  static lab::Finished ringside(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), RINGSIDE_PROGRAM);
    const auto finished = lab::run_program(arguments, {"RINGSIDE_STATE_DIR=" + host->folder().file("state"),
                                                       "NO_COLOR=1", "LIBVIRT_DEFAULT_URI=" + host->uri()});
    return finished ? *finished : lab::Finished{-1, "", "not run"};
  }
  static std::string state() { return host->virsh({"domstate", kUuid}).out; }
  static void expect_alive() {
    EXPECT_EQ(state(), "running\n");
    EXPECT_EQ(guest_console->run("echo alive", std::chrono::seconds(60)).value_or("dead"), "alive\n");
    std::error_code ignored;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(host->folder().file("state/frozen"), ignored),
                            std::filesystem::directory_iterator{}),
              0);
  }

  static inline std::unique_ptr<lab::LibvirtHost> host;
  static inline std::unique_ptr<Sources> sources;
  static inline std::unique_ptr<lab::SerialConsole> guest_console;
  static inline bool ready = false;
  static inline Error why_not{};
};

TEST_F(Libvirt, HookAndLibvirtTellOfOneGuestOnce) {
  EXPECT_THAT(sources->by_hook.wait_for(1), ElementsAre("+hook:" + kUuid));
  EXPECT_THAT(sources->by_libvirt.wait_for(1), ElementsAre("+libvirt:" + kUuid));
  EXPECT_EQ(sources->merged.lines().size(), 1u);
  ASSERT_EQ(sources->registry.guests().size(), 1u);
  EXPECT_EQ(sources->registry.guests()[0].name, kName);
  EXPECT_EQ(sources->hook.counters().junk, 0u);
  EXPECT_THAT(sources->libvirt->describe(), HasSubstr("1 guest"));
}

TEST_F(Libvirt, VerbsTakeADomainByNameAndByUuid) {
  const auto inspected = ringside({"inspect", "libvirt:" + kName, "--json"});
  ASSERT_EQ(inspected.status, 0) << inspected.err;
  const json seen = json::parse(inspected.out);
  EXPECT_EQ(seen["guest"]["name"], kName);
  EXPECT_EQ(seen["guest"]["uuid"], kUuid);
  EXPECT_EQ(seen["guest"]["backend"], "process");
  EXPECT_EQ(seen["vcpus"].size(), 2u);
  EXPECT_FALSE(seen["vcpus"][1]["msrs"].is_null());
  EXPECT_EQ(seen["kernel"]["release"],
            guest_console->run("uname -r | tr -d '\\n'", std::chrono::seconds(60)));

  const auto scanned = ringside({"scan", "libvirt:" + kUuid, "--json"});
  EXPECT_EQ(scanned.status, 4) << "unknown without a baseline, and nothing is violated: " << scanned.err;
  const auto unknown = ringside({"inspect", "libvirt:no such domain"});
  EXPECT_EQ(unknown.status, 5);
  EXPECT_THAT(unknown.err, HasSubstr("no such domain"));
  expect_alive();
}

TEST_F(Libvirt, EveryWayToMemoryWorks) {
  for (const auto backend :
       {guest::live::Backend::process, guest::live::Backend::gdbstub, guest::live::Backend::qmp}) {
    io::EventLoop loop;
    const auto live = attach(loop, backend);
    ASSERT_TRUE(live.has_value()) << live.error().message;
    ASSERT_TRUE((*live)->qemu_pid().has_value());
    auto snapshot = (*live)->snapshot(guest::live::MsrSource::vmstate);
    ASSERT_TRUE(snapshot.has_value()) << snapshot.error().message;
    EXPECT_TRUE((*snapshot)->cpus(guest::RegisterGroups::none)[0].msrs.has_value());
  }
  expect_alive();
}

TEST_F(Libvirt, AFreezeWindowStopsAndResumesAndLibvirtSeesIt) {
  io::EventLoop loop;
  const auto live = attach(loop);
  ASSERT_TRUE(live.has_value()) << live.error().message;
  std::atomic<int> stops{0}, resumes{0};
  const auto subscription = (*live)->monitor().subscribe([&](const qmp::Event& event) {
    stops += event.kind == qmp::EventKind::stop;
    resumes += event.kind == qmp::EventKind::resume;
  });
  {
    const auto window = (*live)->freeze();
    ASSERT_TRUE(window.has_value()) << window.error().message;
    EXPECT_TRUE(eventually([] { return state() == "paused\n"; }));
    const auto stub = (*window)->attach_gdbstub();
    EXPECT_TRUE(stub.has_value()) << stub.error().message;
  }
  EXPECT_TRUE(eventually([&] { return stops > 0 && resumes > 0; }));
  EXPECT_TRUE(eventually([] { return state() == "running\n"; }));
  expect_alive();
}

TEST_F(Libvirt, AResetIsHeardOf) {
  io::EventLoop loop;
  const auto monitor = connect_monitor(loop, endpoint());
  ASSERT_TRUE(monitor.has_value()) << monitor.error().message;
  std::atomic<int> resets{0};
  const auto subscription =
      (*monitor)->subscribe([&](const qmp::Event& event) { resets += event.kind == qmp::EventKind::reset; });
  ASSERT_EQ(host->virsh({"reset", kUuid}).status, 0);
  EXPECT_TRUE(eventually([&] { return resets > 0; }));
  EXPECT_TRUE(guest_console->read_until("RINGSIDE LAB READY", std::chrono::minutes(5)).has_value());
}

TEST_F(Libvirt, MonitorsCommandsAreQemusAndErrorsToo) {
  io::EventLoop loop;
  const auto monitor = connect_monitor(loop, endpoint());
  ASSERT_TRUE(monitor.has_value()) << monitor.error().message;
  EXPECT_TRUE((*monitor)->supports("query-status"));
  EXPECT_FALSE((*monitor)->supports("no-such-command"));
  EXPECT_GT((*monitor)->greeting().major, 0);
  const auto failed = (*monitor)->execute("no-such-command");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Errc::peer_error);
  EXPECT_THAT(failed.error().message, HasSubstr("CommandNotFound"));
  EXPECT_EQ(io::to_string((*monitor)->endpoint()), "libvirt:" + kUuid + "@" + host->uri());
}

TEST_F(Libvirt, AKilledFreezersGuestIsGivenBackThroughLibvirt) {
  int ready_pipe[2] = {-1, -1};
  ASSERT_EQ(::pipe(ready_pipe), 0);
  // The program itself, so that nothing of this process's libvirt is in it.
  const pid_t freezer = ::fork();
  if (freezer == 0) {
    ::dup2(ready_pipe[1], 1);
    ::setenv("RINGSIDE_E2E_FREEZE", host->uri().c_str(), 1);
    ::setenv("RINGSIDE_STATE_DIR", host->folder().file("state").c_str(), 1);
    ::execl("/proc/self/exe", "e2e_libvirt", "--gtest_filter=Freezer.*", "--gtest_also_run_disabled_tests",
            nullptr);
    ::_exit(127);
  }
  ::close(ready_pipe[1]);
  EXPECT_TRUE(eventually([] { return state() == "paused\n"; }));
  ::kill(freezer, SIGKILL);
  ::waitpid(freezer, nullptr, 0);
  ::close(ready_pipe[0]);
  EXPECT_EQ(state(), "paused\n");
  const auto next = ringside({"inspect", "libvirt:" + kName});
  EXPECT_EQ(next.status, 0) << next.err;
  EXPECT_THAT(next.err, HasSubstr("gave the guest back"));
  expect_alive();
}

TEST_F(Libvirt, ARestartOfTheDaemonEndsNothing) {
  io::EventLoop loop;
  const auto live = attach(loop);
  ASSERT_TRUE(live.has_value()) << live.error().message;
  qmp::Monitor& monitor = (*live)->monitor();
  std::atomic<bool> told_of_gap{false};
  const auto subscription = monitor.subscribe([&](const qmp::Event& event) {
    if (event.name == libvirt::kEventsMissed) told_of_gap = true;
  });
  const std::size_t merged_before = sources->merged.lines().size();
  host->kill_daemon();
  ASSERT_TRUE(eventually([&] { return !monitor.call(qmp::query_status()); }));
  const auto away = monitor.call(qmp::query_status());
  ASSERT_FALSE(away.has_value());
  EXPECT_EQ(away.error().code, Errc::closed) << away.error().message;
  EXPECT_TRUE(monitor.connected()) << "it may be tried again";
  // Memory does not need libvirt.
  std::array<std::byte, 64> bytes{};
  EXPECT_TRUE((*live)->memory().read(guest::Gpa{0x100000}, bytes).has_value());
  ASSERT_TRUE(host->start_daemon().has_value());
  EXPECT_TRUE(eventually([&] { return monitor.call(qmp::query_status()).has_value(); }));
  EXPECT_TRUE(eventually([&] { return told_of_gap.load(); }));
  EXPECT_TRUE((*live)->snapshot().has_value());
  const auto told = sources->merged.wait_for(merged_before + 1);
  ASSERT_EQ(told.size(), merged_before + 1);
  EXPECT_EQ(told.back(), "!libvirt:" + host->uri());
  expect_alive();
}

TEST_F(Libvirt, AGuestThatWasFrozenWhenTheDaemonDiedRunsAgain) {
  io::EventLoop loop;
  const auto live = attach(loop);
  ASSERT_TRUE(live.has_value()) << live.error().message;
  auto window = (*live)->freeze();
  ASSERT_TRUE(window.has_value()) << window.error().message;
  host->kill_daemon();
  std::thread restart([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    (void)host->start_daemon();
  });
  const auto closed = (*window)->close();
  restart.join();
  EXPECT_TRUE(closed.has_value()) << closed.error().message;
  EXPECT_TRUE(eventually([] { return state() == "running\n"; }));
  expect_alive();
}

// The last one: the domain is gone then.
TEST_F(Libvirt, TheEndOfADomainEndsItsMonitorAndIsToldOnce) {
  io::EventLoop loop;
  const auto monitor = connect_monitor(loop, endpoint());
  ASSERT_TRUE(monitor.has_value()) << monitor.error().message;
  ASSERT_EQ(host->virsh({"destroy", kUuid}).status, 0);
  EXPECT_TRUE(eventually([&] { return !(*monitor)->connected(); }));
  const auto after = (*monitor)->execute("query-status");
  ASSERT_FALSE(after.has_value());
  EXPECT_EQ(after.error().code, Errc::closed);
  EXPECT_TRUE(eventually([] { return sources->registry.guests().empty(); }));
  EXPECT_EQ(sources->by_hook.lines().back(), "-hook:" + kUuid);
  EXPECT_EQ(sources->by_libvirt.lines().back(), "-libvirt:" + kUuid);
  const auto told = sources->merged.all();
  EXPECT_EQ(std::count_if(told.begin(), told.end(),
                          [](const GuestNews& news) { return news.kind == GuestNews::Kind::gone; }),
            1);
  const auto again = connect_monitor(loop, endpoint());
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Errc::refused);
}

/// What AKilledFreezersGuestIsGivenBackThroughLibvirt runs and kills.
TEST(Freezer, DISABLED_FreezesAndWaits) {
  const char* uri = std::getenv("RINGSIDE_E2E_FREEZE");
  ASSERT_NE(uri, nullptr) << "part of another test";
  io::EventLoop loop;
  io::Endpoint endpoint;
  endpoint.kind = io::Endpoint::Kind::libvirt;
  endpoint.domain = kName;
  endpoint.uri = uri;
  auto options = attach_options(loop, endpoint);
  options.state_directory = std::getenv("RINGSIDE_STATE_DIR");
  const auto live = LiveGuest::attach(loop, std::move(options));
  ASSERT_TRUE(live.has_value()) << live.error().message;
  const auto window = (*live)->freeze();
  ASSERT_TRUE(window.has_value()) << window.error().message;
  while (true) ::pause();
}

}  // namespace
}  // namespace ringside::agent
