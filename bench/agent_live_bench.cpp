// SPDX-License-Identifier: Apache-2.0
// What `ringside agent` costs, and how soon it tells: with the shipped policies on real guests, idle and
// busy, and on many replayed ones (tests/lab/replay_guest).
//   agent_live_bench [--guests 1,4,8] [--shared 1,4] [--busy 4] [--replays 1,50,100,200] [--seconds 60]
//   [--rounds 40]
#include "tests/e2e/support/process_use.h"
#include "tests/lab/guest.h"
#include "tests/lab/idt_gate.h"
#include "tests/lab/recorded_guest.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace ringside::lab {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// An agent that watches all sockets in a folder, on one CPU if asked, with a file of what it tells.
class Agent {
 public:
  Agent(const TemporaryFolder& folder, bool one_cpu) : folder_(folder) {
    std::ofstream(folder.file("ringside.yaml")) << fmt::format(
        "guests: {{sockets: ['{0}/vm/*.qmp']}}\noutputs: [{{name: file, kind: json, to: '{0}/told'}}]\n",
        folder.path());
    std::vector<std::string> command = {RINGSIDE_PROGRAM, "agent", "--config", folder.file("ringside.yaml")};
    if (one_cpu) command.insert(command.begin(), {"taskset", "-c", "0"});
    auto process = Process::start(command, folder.file("agent.log"), environment());
    if (!process) throw std::runtime_error(process.error().message);
    process_ = std::make_unique<Process>(std::move(*process));
  }
  pid_t pid() const { return process_->pid(); }

  Json ask(std::vector<std::string> words) const {
    words.insert(words.begin(), RINGSIDE_PROGRAM);
    words.push_back("--json");
    const auto finished = run_program(words, environment());
    return finished ? Json::parse(finished->out, nullptr, false) : Json();
  }
  /// Waits until every guest is watched and most of its checks have been made.
  void wait_for(unsigned count) const {
    for (const auto begin = Clock::now(); seconds_since(begin) < 1800;
         std::this_thread::sleep_for(seconds(1))) {
      const Json document = ask({"guests"});
      const Json guests = document.is_object() ? document.value("guests", Json::array()) : Json::array();
      if (guests.size() == count && std::ranges::all_of(guests, [](const Json& guest) {
            return guest["state"] == "watched" && guest["checks"]["ok"].get<int>() > 20;
          }))
        return;
    }
    throw std::runtime_error("the agent does not watch all guests:\n" + log());
  }
  /// How many findings were told so far.
  std::size_t told() const {
    std::ifstream file(folder_.file("told"));
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    return lines;
  }
  std::string log() const {
    std::ifstream file(folder_.file("agent.log"));
    return (std::ostringstream() << file.rdbuf()).str();
  }

 private:
  std::vector<std::string> environment() const {
    return {"RINGSIDE_STATE_DIR=" + folder_.file("state"),
            "RINGSIDE_CONTROL=" + folder_.file("control.sock")};
  }
  const TemporaryFolder& folder_;
  std::unique_ptr<Process> process_;
};

/// From a change to the line that tells of it, for one guest after the other; the change is taken back each
/// time.
std::vector<double> delays(const Agent& agent, const std::vector<IdtGate>& gates, unsigned rounds) {
  std::vector<double> all;
  const auto changes_told = [&](const IdtGate& gate) {
    const std::size_t before = agent.told();
    const auto begin = Clock::now();
    gate.flip();
    while (agent.told() == before) {
      if (seconds_since(begin) > 300) throw std::runtime_error("nothing was told\n" + agent.log());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return seconds_since(begin);
  };
  for (unsigned i = 0; i < rounds; ++i) {
    const IdtGate& gate = gates[i % gates.size()];
    all.push_back(changes_told(gate));
    changes_told(gate);
    // Off the rhythm of the agent's intervals, so that delays spread as they would.
    std::this_thread::sleep_for(std::chrono::milliseconds(137 * (i % 11)));
  }
  std::ranges::sort(all);
  return all;
}

void measure(const std::string& name, const Agent& agent, unsigned count, unsigned length,
             const std::vector<IdtGate>& gates, unsigned rounds) {
  agent.wait_for(count);
  std::this_thread::sleep_for(seconds(length / 2));  // what was learnt is in memory then
  const auto ticks = [&] {
    const Json status = agent.ask({"status"});
    return std::pair(status["scheduler"]["ticks"].get<double>(), status["scheduler"]["missed"].get<double>());
  };
  const auto before = ticks();
  const Use used = use_of(agent.pid());
  const auto begin = Clock::now();
  std::this_thread::sleep_for(seconds(length));
  const Use now = use_of(agent.pid());
  const double elapsed = seconds_since(begin);
  const auto after = ticks();
  const double cpu = 100 * (now.cpu_seconds - used.cpu_seconds) / elapsed;
  const double made = after.first - before.first, missed = after.second - before.second;
  const auto late = delays(agent, gates, rounds);
  fmt::print("{:<24} {:>6} {:>9.1f} % {:>8.2f} % {:>10.1f} {:>8.1f} % {:>9.0f} {:>9.2f} {:>7.2f} {:>7.2f}\n",
             name, count, cpu, cpu / count, made / elapsed, 100 * missed / std::max(made + missed, 1.0),
             now.anonymous_mib / count, late[late.size() / 2], late[late.size() * 99 / 100], late.back());
  std::fflush(stdout);
}

void show(const std::string& socket, const TemporaryFolder& folder, unsigned number) {
  std::filesystem::create_directories(folder.file("vm"));
  std::filesystem::create_symlink(socket, folder.file(fmt::format("vm/g{}.qmp", number)));
}

std::unique_ptr<Guest> boot(Ram ram) {
  Options options;
  options.kernel = "6.1-cloud";
  options.ram = ram;
  auto guest = Guest::boot(options);
  if (!guest) throw std::runtime_error(guest.error().message);
  return std::move(*guest);
}

void on_guests(const char* name, unsigned count, Ram ram, bool busy, unsigned length, unsigned rounds) {
  std::vector<std::unique_ptr<Guest>> guests;
  std::vector<IdtGate> gates;
  TemporaryFolder folder;
  for (unsigned i = 0; i < count; ++i) {
    guests.push_back(boot(ram));
    gates.push_back(IdtGate::of(*guests.back()));
    show(guests.back()->monitor_socket(), folder, i);
    if (busy)
      guests.back()->run(
          "(while :; do ls -lR /proc/self /sys/kernel > /dev/null 2>&1; mount -t tmpfs none /mnt; umount "
          "/mnt; done) "
          "> /dev/null 2>&1 &");
  }
  const Agent agent(folder, false);
  measure(name, agent, count, length, gates, rounds);
}

void on_replays(const std::string& recording, unsigned count, unsigned length, unsigned rounds) {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder.file("vm"));
  auto replays = Process::start({RINGSIDE_REPLAY_GUEST, recording, folder.file("vm"), std::to_string(count)},
                                folder.file("replay.log"));
  if (!replays) throw std::runtime_error(replays.error().message);
  const Agent agent(folder, true);
  agent.wait_for(count);
  std::ifstream file(recording + "/gate");
  IdtGate gate;
  file >> gate.hva;
  std::vector<IdtGate> gates;
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", replays->pid()));
  while (children >> gate.qemu) gates.push_back(gate);
  measure("replayed, agent on a CPU", agent, count, length, gates, rounds);
}

/// One guest for all replays.
void record(const std::string& folder) {
  const auto guest = boot(Ram::anonymous);
  record_guest(*guest, folder);
  std::ofstream(folder + "/gate") << IdtGate::of(*guest).hva;
}

}  // namespace
}  // namespace ringside::lab

int main(int argc, char** argv) {
  using namespace ringside::lab;
  std::vector<unsigned> guests = {1, 4, 8}, shared = {1, 4}, busy = {4}, replays = {1, 50, 100, 200};
  unsigned length = 60, rounds = 40;
  CLI::App app("What the agent costs");
  app.add_option("--guests", guests, "Numbers of idle guests")->delimiter(',');
  app.add_option("--shared", shared, "Numbers of idle guests whose RAM is a memfd")->delimiter(',');
  app.add_option("--busy", busy, "Numbers of busy guests")->delimiter(',');
  app.add_option("--replays", replays, "Numbers of replayed guests")->delimiter(',');
  app.add_option("--seconds", length, "How long each is measured");
  app.add_option("--rounds", rounds, "How many changes are made");
  CLI11_PARSE(app, argc, argv);
  try {
    fmt::print("{:<24} {:>6} {:>11} {:>10} {:>10} {:>10} {:>9} {:>25}\n", "guests", "", "CPU", "a guest",
               "looks/s", "missed", "MiB each", "told after s: median p99 most");
    const auto each = [&](const char* name, const std::vector<unsigned>& counts, Ram ram, bool is_busy) {
      for (const unsigned count : counts)
        if (count > 0) on_guests(name, count, ram, is_busy, length, rounds);
    };
    each("idle", guests, Ram::anonymous, false);
    each("idle, shared memory", shared, Ram::memfd, false);
    each("busy", busy, Ram::anonymous, true);
    if (!replays.empty() && replays != std::vector{0u}) {
      const TemporaryFolder folder;
      record(folder.path());
      for (const unsigned count : replays) on_replays(folder.path(), count, length, rounds);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "agent_live_bench: {}\n", error.what());
    return 1;
  }
}
