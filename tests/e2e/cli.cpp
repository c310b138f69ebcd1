// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"
#include "tests/lab/guest.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

// What a user does with the program, against a real guest: look, save a baseline, find a tampered gate,
// restore it.

namespace ringside::lab {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

/// One guest for all cases of this program.
class CommandLine : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto booted = Guest::boot({.smp = 2, .ram = Ram::memfd, .extra = {"-name", "story"}});
    if (booted)
      guest_ = std::move(*booted);
    else
      why_not_ = booted.error();
  }
  static void TearDownTestSuite() { guest_.reset(); }

  void SetUp() override {
    if (guest_ != nullptr) return;
    if (why_not_.code == Errc::unavailable) GTEST_SKIP() << why_not_.message;
    FAIL() << why_not_.message;
  }

  static std::string target() { return guest_->monitor_socket(); }
  static std::vector<std::string> environment() {
    return {"RINGSIDE_STATE_DIR=" + guest_->folder().file("state")};
  }

  static Finished ringside(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), RINGSIDE_PROGRAM);
    auto finished = run_program(arguments, environment());
    EXPECT_TRUE(finished.has_value()) << finished.error().message;
    return finished ? *finished : Finished{-1, "", ""};
  }
  static Json ringside_json(std::vector<std::string> arguments, int status = 0) {
    arguments.emplace_back("--json");
    const Finished finished = ringside(arguments);
    EXPECT_EQ(finished.status, status) << arguments[0] << ": " << finished.err;
    const Json document = Json::parse(finished.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << finished.out;
    return document;
  }

  /// The row of the breakpoint gate (vector 3) of vCPU 0.
  static Json breakpoint_gate() { return ringside_json({"idt", target(), "--vcpu", "0"})["idt"][3]; }

  static std::unique_ptr<Guest> guest_;
  static Error why_not_;
};
std::unique_ptr<Guest> CommandLine::guest_;
Error CommandLine::why_not_;

TEST_F(CommandLine, InspectAgreesWithQemu) {
  const Json seen = ringside_json({"inspect", target()});
  EXPECT_EQ(seen["guest"]["name"], "story");
  EXPECT_EQ(seen["guest"]["accelerator"], "tcg");
  EXPECT_EQ(seen["guest"]["backend"], "mapped");
  ASSERT_EQ(seen["vcpus"].size(), 2u);
  EXPECT_EQ(seen["vcpus"][0]["paging"], "4-level");
  const auto registers = guest_->qmp().hmp("info registers", 0);
  const std::string idtr = seen["vcpus"][0]["idtr"]["base"];
  EXPECT_NE(registers.find("IDT=     " + idtr.substr(2)), std::string::npos) << registers;
  EXPECT_TRUE(seen["vcpus"][0]["protections"]["WP"].get<bool>());
  EXPECT_NE(seen["vcpus"][0]["msrs"]["LSTAR"], "0x0000000000000000");
}

TEST_F(CommandLine, TranslateAgreesWithQemu) {
  const std::string handler = breakpoint_gate()["handler"];
  const Json walked = ringside_json({"translate", target(), handler})["translations"][0];
  const std::string qemu = guest_->qmp().hmp("gva2gpa " + handler);
  const auto expected =
      parse_number(qemu.substr(qemu.find("0x"), qemu.find_first_of("\r\n") - qemu.find("0x")));
  EXPECT_EQ(parse_number(walked["gpa"].get<std::string>()), expected) << qemu;
  EXPECT_GE(walked["steps"].size(), 3u);
  EXPECT_EQ(ringside({"translate", target(), "0x8000000000000000"}).status, 4) << "not canonical";
}

TEST_F(CommandLine, EveryMemoryBackendReadsTheSameBytes) {
  const std::string handler = breakpoint_gate()["handler"];
  const Json bytes = ringside_json({"read", target(), handler, "256"})["bytes"];
  for (const char* way : {"process", "gdbstub", "qmp"})
    EXPECT_EQ(ringside_json({"read", target(), handler, "256", "--memory", way})["bytes"], bytes) << way;
  EXPECT_EQ(guest_->qmp().status(), "running");
}

TEST_F(CommandLine, LookingNeverStopsACalibratedGuest) {
  ringside_json({"inspect", target()});  // calibrates the way to the MSRs
  guest_->qmp().clear_events();
  ringside_json({"inspect", target()});
  ringside_json({"msrs", target()});
  ringside_json({"registers", target()});
  ringside_json({"gdt", target()});
  ringside_json({"query", target(), "SELECT count(*) AS n FROM page_mappings"});
  for (const char* way : {"mapped", "process"})
    EXPECT_EQ(ringside({"scan", target(), "--memory", way}).status, 4) << "no baseline yet";
  EXPECT_EQ(ringside({"scan", target(), "--every", "100ms", "--count", "5"}).status, 4);
  EXPECT_EQ(guest_->qmp().count("STOP"), 0u);
}

TEST_F(CommandLine, ASnapshotFileAnswersAsTheGuestDid) {
  const std::string file = guest_->folder().file("story.rsnap");
  const Json saved = ringside_json({"snapshot", "save", target(), file, "--paused"});
  EXPECT_EQ(guest_->qmp().status(), "running");
  EXPECT_GT(saved["pages"], 10);
  for (const char* verb : {"idt", "gdt", "msrs"}) {
    Json live = ringside_json({verb, target()})[verb], kept = ringside_json({verb, file})[verb];
    EXPECT_EQ(live.size(), kept.size()) << verb;
    if (verb == std::string("gdt")) continue;  // it holds the running task's entries
    EXPECT_EQ(live, kept) << verb;
  }
  const std::string handler = breakpoint_gate()["handler"];
  EXPECT_EQ(ringside_json({"translate", file, handler})["translations"],
            ringside_json({"translate", target(), handler})["translations"]);
  const std::string gate = breakpoint_gate()["gva"];
  EXPECT_EQ(ringside_json({"read", file, gate, "16"})["bytes"],
            ringside_json({"read", target(), gate, "16"})["bytes"]);
  EXPECT_EQ(ringside({"snapshot", "show", file}).status, 0);
}

TEST_F(CommandLine, WriteShowsFirstAndWritesOnlyWhatWasExpected) {
  const Json gate = breakpoint_gate();
  const std::string raw = gate["raw"], gpa = gate["gpa"];
  const Json shown = ringside_json({"write", target(), gpa, raw, "--physical"});
  EXPECT_FALSE(shown["written"].get<bool>());
  EXPECT_EQ(ringside({"write", target(), gpa, "00", "--physical", "--yes", "--expect", "5a5a"}).status, 4);
  EXPECT_EQ(breakpoint_gate()["raw"], raw);
  EXPECT_EQ(guest_->qmp().status(), "running");
}

TEST_F(CommandLine, ATamperedGateIsFoundRestoredAndGone) {
  ASSERT_EQ(ringside({"baseline", "save", target()}).status, 0);
  const Finished clean = ringside({"scan", target()});
  ASSERT_EQ(clean.status, 0) << clean.out;

  // The hook: the breakpoint gate enters 16 bytes further on. Nothing in this guest executes INT3.
  const Json gate = breakpoint_gate();
  const std::string raw = gate["raw"], gpa = gate["gpa"];
  Bytes hooked = from_hex(raw).value();
  hooked[0] ^= std::byte{0x10};
  const Finished written =
      ringside({"write", target(), gpa, to_hex(hooked), "--physical", "--yes", "--expect", raw});
  ASSERT_EQ(written.status, 0) << written.err;
  EXPECT_EQ(guest_->qmp().status(), "running");

  const Json scan = ringside_json({"scan", target()}, 3);
  bool found = false;
  for (const Json& check : scan["checks"])
    for (const Json& finding : check["findings"])
      found |=
          check["policy"] == "idt" && finding["message"].get<std::string>().find("3") != std::string::npos;
  EXPECT_TRUE(found) << scan.dump(1);
  EXPECT_EQ(ringside({"baseline", "diff", target()}).status, 3);

  EXPECT_EQ(ringside({"restore", target()}).status, 3) << "only shows the plan";
  EXPECT_EQ(breakpoint_gate()["raw"], to_hex(hooked));
  const Json restored = ringside_json({"restore", target(), "--yes"});
  EXPECT_TRUE(restored["restored"].get<bool>());
  EXPECT_EQ(breakpoint_gate()["raw"], raw);
  EXPECT_EQ(guest_->qmp().status(), "running");

  EXPECT_EQ(ringside({"scan", target()}).status, 0);
  EXPECT_EQ(ringside({"restore", target(), "--yes"}).status, 0) << "nothing is left to restore";
  std::ifstream audit(guest_->folder().file("state/audit.log"));
  std::vector<std::string> actions;
  for (std::string line; std::getline(audit, line);) actions.push_back(Json::parse(line)["action"]);
  EXPECT_EQ(actions, (std::vector<std::string>{"write", "restore"}));
  EXPECT_EQ(guest_->run("echo alive"), "alive\n");
}

/// The JSON lines that `scan --every` has printed so far.
std::vector<Json> lines_of(const std::string& file) {
  std::vector<Json> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (auto json = Json::parse(line, nullptr, false); !json.is_discarded()) lines.push_back(std::move(json));
  return lines;
}

bool wait_for(const std::string& file, const std::string& event) {
  for (int i = 0; i < 600; ++i) {
    for (const Json& line : lines_of(file))
      if (line["event"] == event) return true;
    std::this_thread::sleep_for(100ms);
  }
  return false;
}

int wait_end(Process& process) {
  for (int i = 0; i < 600; ++i) {
    if (const auto status = process.poll()) return *status;
    std::this_thread::sleep_for(100ms);
  }
  return -1;
}

TEST_F(CommandLine, WatchingTellsAFindingAndItsEndOnce) {
  ASSERT_EQ(ringside({"baseline", "save", target()}).status, 0);
  const Json gate = breakpoint_gate();
  const std::string log = guest_->folder().file("watch.log");
  auto watch =
      Process::start({RINGSIDE_PROGRAM, "scan", target(), "--every", "200ms", "--json"}, log, environment());
  ASSERT_TRUE(watch.has_value()) << watch.error().message;
  ASSERT_TRUE(wait_for(log, "first_tick"));

  // The watch holds the monitor, so the tampering comes through the oracle's own: QEMU's gdbstub is not
  // needed for a write into a shared memory file.
  const auto poke = [&](std::uint8_t value) {
    std::ofstream ram("/proc/" + std::to_string(guest_->pid()) + "/mem", std::ios::binary | std::ios::in);
    const std::string answer = guest_->qmp().hmp("gpa2hva " + gate["gpa"].get<std::string>());
    const auto hva =
        parse_number(answer.substr(answer.rfind("0x"), answer.find_first_of("\r\n") - answer.rfind("0x")));
    ram.seekp(static_cast<std::streamoff>(hva.value()));
    ram.put(static_cast<char>(value));
    ram.flush();
    ASSERT_TRUE(ram.good());
  };
  const Bytes raw = from_hex(gate["raw"].get<std::string>()).value();
  const auto low = std::to_integer<std::uint8_t>(raw[0]);
  poke(static_cast<std::uint8_t>(low ^ 0x10));
  EXPECT_TRUE(wait_for(log, "opened"));
  poke(low);
  EXPECT_TRUE(wait_for(log, "resolved"));
  watch->signal(SIGTERM);
  EXPECT_EQ(wait_end(*watch), 3);

  std::vector<std::string> events;
  for (const Json& line : lines_of(log)) events.push_back(line["event"]);
  EXPECT_EQ(std::count(events.begin(), events.end(), "opened"),
            std::count(events.begin(), events.end(), "resolved"));
  EXPECT_EQ(events.back(), "ended");
  EXPECT_EQ(guest_->qmp().status(), "running");
}

TEST_F(CommandLine, WatchingAnEndingGuestSaysSoAndIsNotClean) {
  auto own = Guest::boot();
  RINGSIDE_REQUIRE_GUEST(own);
  const std::string log = guest_->folder().file("ending.log");
  auto watch = Process::start(
      {RINGSIDE_PROGRAM, "scan", (*own)->monitor_socket(), "--every", "200ms", "--json"}, log, environment());
  ASSERT_TRUE(watch.has_value()) << watch.error().message;
  ASSERT_TRUE(wait_for(log, "first_tick"));
  (*own)->kill();
  EXPECT_EQ(wait_end(*watch), 4);
  const auto lines = lines_of(log);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines[lines.size() - 2]["event"], "guest");
  EXPECT_EQ(lines[lines.size() - 2]["what"], "gone");
  EXPECT_EQ(lines.back()["exit"], 4);
}

TEST_F(CommandLine, AHeldMonitorIsNotAttachedTo) {
  const std::string log = guest_->folder().file("held.log");
  auto watch =
      Process::start({RINGSIDE_PROGRAM, "scan", target(), "--every", "1s", "--json"}, log, environment());
  ASSERT_TRUE(watch.has_value()) << watch.error().message;
  ASSERT_TRUE(wait_for(log, "first_tick"));
  const Finished second = ringside({"inspect", target()});
  EXPECT_EQ(second.status, 5);
  EXPECT_NE(second.err.find("hint: "), std::string::npos) << second.err;
  const Json checks = ringside_json({"doctor", target()}, 5)["checks"];
  const std::string finding = checks.back()["finding"];
  EXPECT_EQ(checks.back()["id"], "monitor");
  EXPECT_NE(finding.find("(pid " + std::to_string(watch->pid()) + ","), std::string::npos) << finding;
  watch->signal(SIGINT);
  wait_end(*watch);
}

TEST_F(CommandLine, TheDoctorFindsNothingWrongWithAHealthyGuest) {
  const Json checks = ringside_json({"doctor", target()})["checks"];
  EXPECT_EQ(checks.size(), 11u);
  for (const Json& check : checks) EXPECT_EQ(check["verdict"], "ok") << check.dump();
  const Json host = ringside_json({"doctor"}, 4)["checks"];
  bool seen = false;
  for (const Json& check : host) {
    const std::string finding = check["finding"];
    seen = seen || (check["id"] == "qemu" && check["verdict"] == "ok" &&
                    finding.find("pid " + std::to_string(guest_->pid())) != std::string::npos &&
                    finding.find("free monitor " + target()) != std::string::npos);
  }
  EXPECT_TRUE(seen) << host.dump();
}

}  // namespace
}  // namespace ringside::lab
