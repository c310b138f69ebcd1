// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/program.h"
#include "tests/lab/idt_gate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace ringside::lab {

using Json = nlohmann::json;

/// A daemon with a folder of its own, and its clients. It may do what its unit of systemd lets it do.
class Agent {
 public:
  explicit Agent(const TemporaryFolder& folder) : folder_(folder) {}

  void configure(const std::string& yaml) { std::ofstream(folder_.file("ringside.yaml")) << yaml; }

  void start() {
    std::vector<std::string> words = under_;
    words.insert(words.end(), {RINGSIDE_PROGRAM, "agent", "--config", folder_.file("ringside.yaml")});
    std::vector<std::string> surroundings = environment();
    surroundings.insert(surroundings.end(), more_environment_.begin(), more_environment_.end());
    auto process = Process::start(words, folder_.file("agent.log"), surroundings);
    ASSERT_TRUE(process.has_value()) << process.error().message;
    process_ = std::make_unique<Process>(std::move(*process));
    ASSERT_TRUE(comes_true([&] { return ask({"status"}).status == 0; })) << log();
  }
  /// A command that becomes the one after it, with no more rights than the daemon's unit gives.
  static std::vector<std::string> as_service() {
    return {RINGSIDE_SOURCE_DIR "/tests/lab/as-service",
            RINGSIDE_SOURCE_DIR "/packaging/systemd/ringside.service"};
  }
  /// The daemon is started by this command instead, which becomes it, and with more NAME=VALUE.
  void start_under(std::vector<std::string> command) { under_ = std::move(command); }
  void start_with(std::vector<std::string> environment) { more_environment_ = std::move(environment); }
  bool runs() { return !process_->poll().has_value(); }
  /// As a crash: without a chance to write anything.
  void kill() { process_->kill(); }
  void stop() {
    process_->signal(SIGTERM);
    ASSERT_TRUE(comes_true([&] { return process_->poll().has_value(); }));
    EXPECT_EQ(process_->poll().value_or(-1), 0) << log();
  }
  pid_t pid() const { return process_->pid(); }
  void hang_up() const { process_->signal(SIGHUP); }

  Finished ask(std::vector<std::string> words) const {
    words.insert(words.begin(), RINGSIDE_PROGRAM);
    auto finished = run_program(words, environment());
    return finished ? *finished : Finished{-1, "", "could not be run"};
  }
  Json json(std::vector<std::string> words) const {
    words.push_back("--json");
    const Finished answer = ask(std::move(words));
    Json document = Json::parse(answer.out, nullptr, false);
    return document.is_discarded() ? Json() : document;
  }
  Json guests() const { return rows(json({"guests"}), "guests"); }
  Json findings(std::vector<std::string> rest = {}) const {
    std::vector<std::string> words = {"findings", "list"};
    words.insert(words.end(), rest.begin(), rest.end());
    return rows(json(words), "findings");
  }
  std::string state_of(const std::string& name) const { return state_in(guests(), name); }
  /// The state of one in what guests() said; empty if it is not there.
  static std::string state_in(const Json& guests, const std::string& name) {
    for (const Json& guest : guests)
      if (guest["name"] == name) return guest["state"];
    return "";
  }
  /// What `ringside guests` says of one; null if it is not there.
  Json guest(const std::string& name) const {
    for (const Json& guest : guests())
      if (guest["name"] == name) return guest;
    return Json();
  }
  std::string log() const { return read(folder_.file("agent.log")); }
  std::string read(const std::string& path) const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string control() const { return folder_.file("control.sock"); }

  /// Waits until something is so: generously, since nothing here is a race against a clock.
  static bool comes_true(const std::function<bool()>& condition,
                         std::chrono::seconds limit = std::chrono::seconds(180)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return condition();
  }

 private:
  /// The array itself, or under its name.
  static Json rows(const Json& document, const char* name) {
    if (document.is_array()) return document;
    return document.is_object() && document.contains(name) ? document[name] : Json::array();
  }
  std::vector<std::string> environment() const {
    return {"RINGSIDE_STATE_DIR=" + folder_.file("state"), "RINGSIDE_CONTROL=" + control(), "NO_COLOR=1"};
  }
  const TemporaryFolder& folder_;
  std::vector<std::string> under_ = as_service(), more_environment_;
  std::unique_ptr<Process> process_;
};

inline Options small(const std::string& kernel) {
  Options options;
  options.kernel = kernel;
  options.ram = Ram::memfd;
  return options;
}

/// Where an agent finds the guest under the name `name`.
inline std::string show(const Guest& guest, const TemporaryFolder& folder, const std::string& name = "one") {
  std::filesystem::create_directories(folder.file("vm"));
  std::filesystem::create_symlink(guest.monitor_socket(), folder.file("vm/" + name + ".qmp"));
  return folder.file("vm/" + name + ".qmp");
}

/// Done twice, nothing was done.
inline void flip_gate(Guest& guest) {
  ASSERT_NO_THROW(IdtGate::of(guest).flip());
}

}  // namespace ringside::lab
