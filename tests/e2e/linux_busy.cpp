// SPDX-License-Identifier: Apache-2.0
// Guests in which everything happens at once that may happen on a healthy one (scripts/lab/busy), watched
// with all policies at 10 Hz: not one finding.
//   RINGSIDE_BUSY_SECONDS=600                     how long on each kernel (60)
//   RINGSIDE_LAB_TYPES=1                           imports types of 32-bit kernels first
//   (scripts/lab/fetch-types) RINGSIDE_BUSY_KERNELS="5.10-cloud 6.12-cloud" other kernels than the default
//   one; `all`: all that there are RINGSIDE_BUSY_STORMS="modules nftables"       only these storms
#include "tests/e2e/support/chosen_kernels.h"
#include "tests/e2e/support/kernel_test_name.h"
#include "tests/e2e/support/lab_types.h"
#include "tests/e2e/support/program.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <regex>
#include <thread>

namespace ringside::lab {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;
using std::chrono::steady_clock;

std::string setting(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

/// What the host does to the guest meanwhile: takes memory and gives it back, and wakes it when it sleeps.
class Host {
 public:
  explicit Host(RawQmp& qmp) : thread_([this, &qmp] { run(qmp); }) {}
  ~Host() {
    stop_ = true;
    thread_.join();
  }
  unsigned balloons() const { return balloons_; }
  unsigned wakes() const { return wakes_; }

 private:
  void run(RawQmp& qmp) {
    for (unsigned second = 0; !stop_; ++second) {
      const auto state = qmp.execute("query-status");
      if (state && (*state)["status"] == "suspended") wakes_ += qmp.execute("system_wakeup").has_value();
      constexpr std::uint64_t kMost = 384u << 20, kLeast = 320u << 20;
      if (second % 5 == 4)
        balloons_ += qmp.execute("balloon", {{"value", second % 10 == 4 ? kLeast : kMost}}).has_value();
      std::this_thread::sleep_for(seconds(1));
    }
  }
  std::atomic<bool> stop_{false};
  std::atomic<unsigned> balloons_{0}, wakes_{0};
  std::thread thread_;
};

/// One run of `ringside scan --every`, as its lines of JSON tell it.
struct Watched {
  std::vector<Json> findings;
  Json end;
  double seconds = 0;
  std::string errors;  ///< lines that are no JSON
};

Result<Process> start_watching(const Guest& guest, const std::string& state, const std::string& log) {
  return Process::start({RINGSIDE_PROGRAM, "scan", guest.monitor_socket(), "--every", "100ms", "--json"}, log,
                        {"RINGSIDE_STATE_DIR=" + guest.folder().file(state), "NO_COLOR=1"});
}

Watched watch(const Guest& guest, const std::string& state, seconds length) {
  const std::string log = guest.folder().file("watch-" + state);
  auto program = start_watching(guest, state, log);
  Watched watched;
  if (!program) {
    watched.errors = program.error().message;
    return watched;
  }
  const auto begin = steady_clock::now();
  while (steady_clock::now() - begin < length && !program->poll()) std::this_thread::sleep_for(seconds(1));
  program->signal(SIGINT);
  const auto limit = steady_clock::now() + seconds(120);
  while (!program->poll() && steady_clock::now() < limit)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  watched.seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) {
      watched.errors += line + '\n';
    } else if (json.value("event", "") == "opened") {
      watched.findings.push_back(json);
    } else if (json.value("event", "") == "ended") {
      watched.end = json;
    } else if (json.value("event", "") == "guest") {
      watched.errors += line + '\n';
    }
  }
  return watched;
}

/// The guest's RAM (Ram::memfd), below 3 GiB at its guest-physical address.
std::fstream memory_of(const Guest& guest) {
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", guest.pid()))) {
    std::error_code unreadable;
    const auto target = std::filesystem::read_symlink(entry.path(), unreadable).string();
    if (target.find("memfd:memory-backend-memfd") != std::string::npos)
      return std::fstream(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
  }
  return {};
}

/// Waits for a line of JSON that has all of `words`; how long that took.
std::optional<double> wait_for_line(const std::string& log, const std::vector<std::string>& words,
                                    seconds limit) {
  const auto begin = steady_clock::now();
  while (steady_clock::now() - begin < limit) {
    std::ifstream lines(log);
    for (std::string line; std::getline(lines, line);)
      if (std::ranges::all_of(words, [&](const auto& word) { return line.find(word) != std::string::npos; }))
        return std::chrono::duration<double>(steady_clock::now() - begin).count();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return std::nullopt;
}

class LinuxBusy : public testing::TestWithParam<std::string> {
 protected:
  /// No finding, and no check that could not look most of the time.
  void judge(const std::string& what, const Watched& watched, bool with_baseline);
  /// Over all that was watched: a check that could hardly ever look.
  void judge_unknown() const {
    for (const auto& [check, unknown] : unknown_) {
      const auto excused = excused_.find(check);
      const std::uint64_t looks = looks_ - (excused == excused_.end() ? 0 : excused->second);
      EXPECT_LE(unknown * 2, looks) << check << " could hardly ever look";
    }
  }
  /// And yet, in the midst of all that, a changed interrupt gate is reported.
  void detect(const Guest& guest);

 private:
  std::uint64_t looks_ = 0;
  std::map<std::string, std::uint64_t> unknown_, excused_;  ///< looks, by check
};

/// True if a check cannot say anything here, whatever the guest does: without a baseline what compares with
/// one; with one the code of modules that came later; and on i386, whose kernels have neither types nor
/// symbols of data, much. Nor can it as long as the kernel stands in the midst of patching, which without KVM
/// can be for minutes.
bool cannot_know(const std::string& kernel, const Json& check, bool with_baseline) {
  if (kernel.find("686") != std::string::npos && !wants_types(kernel)) return true;
  const auto about_reference = [](const Json& reason) {
    const auto text = reason["reason"].get<std::string>();
    return text.find("baseline") != std::string::npos || text.find("reference") != std::string::npos;
  };
  const auto in_flight = [](const Json& reason) {
    return reason["reason"].get<std::string>().find("the kernel is changing the ") != std::string::npos;
  };
  // The live patch is no vendor's.
  const auto about_our_module = [](const Json& reason) {
    return reason["reason"].get<std::string>().find("of module live_patch: no vendor's file") !=
           std::string::npos;
  };
  if (std::ranges::any_of(check["reasons"], in_flight) ||
      std::ranges::any_of(check["reasons"], about_our_module))
    return true;
  if (with_baseline && check["check"] != "linux-text/module-code") return false;
  return std::ranges::any_of(check["reasons"], about_reference);
}

void LinuxBusy::judge(const std::string& what, const Watched& watched, bool with_baseline) {
  ASSERT_TRUE(watched.end.is_object()) << "ringside did not end as it should: " << watched.errors;
  const auto looks = watched.end["looks"].get<std::uint64_t>();
  std::cout << fmt::format("{}, {}: {} looks in {:.0f} s, {:.1f} a second; {} findings\n", GetParam(), what,
                           looks, watched.seconds, static_cast<double>(looks) / watched.seconds,
                           watched.findings.size());
  if (!watched.errors.empty()) std::cout << watched.errors;
  std::cout << std::flush;
  ASSERT_GT(looks, 0u);
  for (const Json& check : watched.end["not_always_known"]) {
    const auto unknown = check["unknown"].get<std::uint64_t>();
    const bool excused = cannot_know(GetParam(), check, with_baseline);
    std::cout << fmt::format("  {}: unknown at {} looks, being confirmed at {}\n",
                             check["check"].get<std::string>(), unknown,
                             check["being_confirmed"].get<std::uint64_t>());
    std::vector<Json> reasons = check["reasons"];
    std::ranges::sort(reasons, [](const Json& a, const Json& b) { return a["looks"] > b["looks"]; });
    for (std::size_t i = 0; i < reasons.size() && i < 3; ++i)
      std::cout << fmt::format("    {} times: {}\n", reasons[i]["looks"].get<std::uint64_t>(),
                               reasons[i]["reason"].get<std::string>().substr(0, 200));
    if (excused) {
      excused_[check["check"].get<std::string>()] += looks;
      continue;
    }
    unknown_[check["check"].get<std::string>()] += unknown;
  }
  looks_ += looks;
  for (const Json& finding : watched.findings)
    ADD_FAILURE() << what << ": " << finding["finding"]["policy"] << '/' << finding["finding"]["check"]
                  << ": " << finding["finding"]["message"] << "\n"
                  << finding.dump();
}

void LinuxBusy::detect(const Guest& guest) {
  // Nothing raises vector 31. Its gate's first two bytes are a part of the handler's address.
  const Finished asked =
      ringside(guest, "query",
               {"SELECT CAST(gpa AS INTEGER) AS gpa FROM idt WHERE vcpu = 0 AND vector = 31", "--json"});
  std::smatch number;
  ASSERT_TRUE(std::regex_search(asked.out, number, std::regex("\"gpa\": *\"?(0x[0-9a-f]+|[0-9]+)")))
      << said(asked);
  const std::uint64_t gate = std::stoull(number[1], nullptr, 0);
  const std::string log = guest.folder().file("watch-attack");
  auto program = start_watching(guest, "bare", log);
  ASSERT_TRUE(program.has_value()) << program.error().message;
  ASSERT_TRUE(wait_for_line(log, {"first_tick"}, seconds(120)));
  std::fstream ram = memory_of(guest);
  ASSERT_TRUE(ram.is_open());
  char before[2] = {}, after[2] = {};
  ram.seekg(static_cast<std::streamoff>(gate)).read(before, 2);
  for (int i = 0; i < 2; ++i) after[i] = static_cast<char>(before[i] ^ 0x55);
  ram.seekp(static_cast<std::streamoff>(gate)).write(after, 2).flush();
  const auto delay = wait_for_line(log, {"\"opened\"", "interrupt-handlers"}, seconds(120));
  ram.seekp(static_cast<std::streamoff>(gate)).write(before, 2).flush();
  EXPECT_TRUE(delay) << "a changed gate was not reported";
  if (delay)
    std::cout << fmt::format("{}: a changed interrupt gate was reported after {:.1f} s\n", GetParam(),
                             *delay);
  const auto over = wait_for_line(log, {"\"resolved\"", "interrupt-handlers"}, seconds(120));
  EXPECT_TRUE(over) << "the gate was put back, and is still reported";
  program->signal(SIGINT);
  const auto limit = steady_clock::now() + seconds(60);
  while (!program->poll() && steady_clock::now() < limit)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

TEST_P(LinuxBusy, AHealthyGuestGivesNoFinding) {
  Options options;
  options.kernel = GetParam();
  options.ram = Ram::memfd;
  options.memory = "384M";
  options.smp = 2;
  options.modules = true;
  // With a thread for each vCPU, QEMU's translator now and then keeps an int3 that another vCPU has just
  // patched away, and the guest goes through it for ever.
  options.accel = "tcg,thread=single";
  options.extra = {"-device", "virtio-balloon-pci"};
  options.append = "panic=0";  // stands still then, with its last words on the console
  options.ready_deadline = std::chrono::minutes(6);
  // The live patch of tests/attacks. Without the kernel's headers that storm is left out, and says so.
  if (const auto more = lab_script({"build-attacks", GetParam()})) options.more_initramfs = *more;
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  const std::string settled =
      guest.run("settle 40 30 && busy prepare && echo settled", std::chrono::minutes(6));
  ASSERT_NE(settled.find("settled"), std::string::npos) << settled;
  // Without KVM a guest that was suspended may wait for its second CPU for ever: nothing for every run of all
  // tests.
  const bool all = std::getenv("RINGSIDE_BUSY_SECONDS") != nullptr;
  const auto storms = setting("RINGSIDE_BUSY_STORMS", all ? "" : "-suspend");
  const seconds length(std::max(10, std::atoi(setting("RINGSIDE_BUSY_SECONDS", "60").c_str())));

  // `bare` knows nothing of this guest; `known` has its baseline, and what the vendor shipped.
  const auto vendor = lab_script({"fetch-kernel", GetParam()});
  const auto modules = lab_script({"fetch-kernel", "--modules", GetParam()});
  RINGSIDE_REQUIRE_GUEST(vendor);
  RINGSIDE_REQUIRE_GUEST(modules);
  const auto ringside_with = [&](const char* state, const std::vector<std::string>& command) {
    std::vector<std::string> line = {RINGSIDE_PROGRAM};
    line.insert(line.end(), command.begin(), command.end());
    const auto run = run_program(line, {"RINGSIDE_STATE_DIR=" + guest.folder().file(state), "NO_COLOR=1"});
    ASSERT_TRUE(run.has_value()) << run.error().message;
    ASSERT_TRUE(run->status == 0 || run->status == 4) << said(*run);
  };
  for (const char* state : {"bare", "known"})
    if (wants_types(options.kernel)) {
      const auto imported = import_types(options.kernel, guest.folder().file(state));
      RINGSIDE_REQUIRE_GUEST(imported);
    }
  ASSERT_NO_FATAL_FAILURE(ringside_with("known", {"baseline", "save", guest.monitor_socket()}));
  ASSERT_NO_FATAL_FAILURE(ringside_with("known", {"golden", "import", *vendor, *modules}));

  guest.run("busy start " + storms + "; echo", std::chrono::minutes(5));
  {
    Host host(guest.qmp());
    // A guest that does not survive its storms says nothing about ringside.
    const auto alive = [&] {
      const auto last_words = guest.console().read_until("Kernel panic", std::chrono::milliseconds(1));
      if (!last_words) return true;
      ADD_FAILURE() << GetParam() << ": the guest has crashed: "
                    << last_words->substr(last_words->size() -
                                          std::min<std::size_t>(last_words->size(), 6000));
      return false;
    };
    judge("first sight", watch(guest, "bare", length / 2), false);
    if (!alive()) return;
    judge("with a baseline and the vendor's files", watch(guest, "known", length / 2), true);
    if (!alive()) return;
    // In a short run a guest that stands in the middle of patching all the while, as it may without KVM,
    // decides.
    if (all) judge_unknown();
    detect(guest);
    // The storms end only while somebody wakes the guest.
    const std::string report = guest.run("busy stop", std::chrono::minutes(5));
    std::cout << report;
    EXPECT_NE(report.find("modules: "), std::string::npos) << report;
    std::cout << fmt::format("balloon: {} times; woken {} times\n", host.balloons(), host.wakes());
  }
  EXPECT_EQ(guest.run("echo alive"), "alive\n");
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinuxBusy,
                         testing::ValuesIn(chosen_kernels("RINGSIDE_BUSY_KERNELS", "6.1-cloud")),
                         kernel_test_name<std::string>);

}  // namespace
}  // namespace ringside::lab
