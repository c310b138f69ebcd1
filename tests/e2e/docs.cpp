// SPDX-License-Identifier: Apache-2.0
// Every `ringside` command of README and docs/ is run as a reader would, on one guest with an agent beside:
// each must end as documented, and none may be refused. Of programs that are not ours, unit_agent_docs says
// why they are not run.
#include "tests/e2e/support/agent.h"
#include "tests/support/documented_commands.h"
#include "tests/support/raw_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

namespace ringside::lab {
namespace {

struct Marked {
  const char* command;
  const char* why;
};
/// What is not run here.
constexpr Marked kNotRun[] = {
    {"ringside doctor libvirt:web", "needs libvirt; e2e_libvirt does it"},
    {"ringside inspect libvirt:web", "needs libvirt; e2e_libvirt does it"},
    {"ringside scan libvirt:web", "needs libvirt; e2e_libvirt does it"},
    {"ringside golden import vmlinux.types",
     "made of a package of 700 MB; golden_files_test imports one of its own"},
    {"ringside inspect tls:node2.example.org:4444", "needs another host; TLS has unit tests of its own"},
};
/// What goes on until it is interrupted.
constexpr const char* kEndless[] = {"ringside agent --sockets", "ringside watch"};

bool begins(const docs::Command& command, const char* text) {
  return command.text.starts_with(text);
}

class Docs : public ::testing::Test {
 protected:
  /// Names of the pages, and what they are here.
  std::string here(std::string text) const {
    const std::pair<std::string, std::string> names[] = {
        {"/run/ringside/qmp/web.sock", "qmp"},
        {"/run/ringside/qmp/101.sock", "qmp"},
        {"/run/incus/web/ringside.qmp", "qmp"},
        {"/proc/QEMU_PID/root/run/libvirt/qemu/run/ringside.qmp", "qmp"},
        {"/run/vm/*.qmp", "nowhere/*.qmp"},  // a second agent, which would fight the first for its guest
        {"linux-image-*.deb", kernel_},
        {"a825", finding_},
    };
    for (const auto& [name, meant] : names)
      if (const auto at = text.find(name); at != std::string::npos) text.replace(at, name.size(), meant);
    return text;
  }

  void run(const docs::Command& command) const {
    for (auto words : docs::simple_commands(here(command.text))) {
      if (words.front() != "ringside") continue;
      words.front() = RINGSIDE_PROGRAM;
      std::vector<std::string> environment = {"RINGSIDE_STATE_DIR=" + folder_.file("state"),
                                              "RINGSIDE_CONTROL=" + folder_.file("control.sock"),
                                              "NO_COLOR=1"};
      const bool endless = std::any_of(std::begin(kEndless), std::end(kEndless),
                                       [&](const char* text) { return begins(command, text); });
      if (endless) words.insert(words.begin(), {"timeout", "--signal=INT", "--preserve-status", "5"});
      if (begins(command, "ringside agent --sockets"))
        environment = {"RINGSIDE_STATE_DIR=" + folder_.file("other"),
                       "RINGSIDE_CONTROL=" + folder_.file("other.sock")};
      const auto finished = run_program(words, environment);
      ASSERT_TRUE(finished.has_value()) << finished.error().message;
      std::vector<int> fine = {0, 3, 4};
      if (endless) fine.push_back(130);
      EXPECT_THAT(fine, ::testing::Contains(finished->status))
          << command.page << ':' << command.line << ": $ " << command.text << '\n'
          << said(*finished);
    }
  }

  TemporaryFolder folder_;
  std::string kernel_, finding_;
};

std::set<std::string> families_told(const std::string& control) {
  ringside::testing::RawClient client(control);
  client.send("GET /metrics HTTP/1.1\r\nHost: ringside\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  static const std::regex type("# TYPE ([a-z_]+) ");
  std::set<std::string> families;
  for (std::sregex_iterator it(answer.begin(), answer.end(), type), end; it != end; ++it)
    families.insert((*it)[1]);
  return families;
}

TEST_F(Docs, EveryCommandRuns) {
  const std::string second = folder_.file("second");
  Options options = small("6.1-cloud");
  options.smp = 2;
  options.extra = {"-name", "web", "-qmp", "unix:" + second + ",server=on,wait=off"};
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  const auto kernel = lab_script({"fetch-kernel", "6.1-cloud"});
  RINGSIDE_REQUIRE_GUEST(kernel);
  kernel_ = *kernel;

  // What the reader has beside them: a guest's monitor, files that the pages give, a snapshot; and an agent.
  const auto pages = docs::read_documentation(RINGSIDE_SOURCE_DIR);
  std::filesystem::current_path(folder_.path());
  std::filesystem::create_symlink(guest.monitor_socket(), "qmp");
  std::filesystem::create_directory("vm");
  std::filesystem::create_symlink(second, "vm/web.qmp");
  for (const auto& page : pages)
    for (const auto& file : page.files) std::ofstream(file.name) << file.text;
  ASSERT_EQ(run_program({RINGSIDE_PROGRAM, "snapshot", "save", "qmp", "healthy.rsnap"},
                        {"RINGSIDE_STATE_DIR=" + folder_.file("state")})
                .value()
                .status,
            0);
  Agent agent(folder_);
  agent.configure(fmt::format("guests: {{sockets: ['{}/vm/*.qmp']}}\n", folder_.path()));
  ASSERT_NO_FATAL_FAILURE(agent.start());
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("web") == "watched"; })) << agent.log();

  std::size_t count = 0;
  std::set<std::string> left;
  for (const auto& [command, why] : kNotRun) left.insert(command);
  const auto run_page = [&](const docs::Page& page) {
    for (const auto& command : page.commands) {
      const auto marked = std::find_if(std::begin(kNotRun), std::end(kNotRun),
                                       [&](const Marked& one) { return begins(command, one.command); });
      if (marked != std::end(kNotRun)) {
        left.erase(marked->command);
        continue;
      }
      ASSERT_NO_FATAL_FAILURE(run(command));
      ++count;
    }
  };
  // The README tampers with the guest and mends it.
  ASSERT_NO_FATAL_FAILURE(run_page(pages.front()));
  // For the others there is an open finding.
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_TRUE(Agent::comes_true([&] { return !agent.findings().empty(); })) << agent.log();
  finding_ = agent.findings()[0]["id"];
  for (std::size_t i = 1; i < pages.size(); ++i) ASSERT_NO_FATAL_FAILURE(run_page(pages[i]));
  EXPECT_GT(count, 50u);
  EXPECT_THAT(left, ::testing::IsEmpty()) << "no page shows these any more: take them off the list";

  // What the agent tells Prometheus is on its page.
  const std::string reference = agent.read(std::string(RINGSIDE_SOURCE_DIR) + "/docs/metrics.md");
  const auto families = families_told(agent.control());
  EXPECT_GE(families.size(), 12u);
  for (const auto& family : families)
    EXPECT_NE(reference.find("\n## " + family + "\n"), std::string::npos)
        << family << " is not in docs/metrics.md";

  EXPECT_EQ(guest.qmp().status(), "running");
  ASSERT_NO_FATAL_FAILURE(agent.stop());
  std::filesystem::current_path("/");
}

}  // namespace
}  // namespace ringside::lab
