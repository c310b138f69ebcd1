// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/judgement.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace ringside::agent::doctor {
namespace {

using ::testing::HasSubstr;

Rights root() {
  return {.user = 0, .may_trace = true, .yama = 1, .descriptors = 1024, .descriptors_used = 10};
}

TargetFacts healthy() {
  TargetFacts facts;
  facts.target = "/run/vm.qmp";
  facts.backend = "process";
  facts.passed_over = {"mapped: guest RAM is in no shared file that we can open"};
  facts.qemu = QemuFacts{{100, 64055, "qemu-system-x86"}, true, "", std::nullopt};
  facts.gdbstub_taken = false;
  facts.kernel = "Linux 6.1.0";
  facts.types_known = true;
  return facts;
}

Check find(const std::vector<Check>& checks, const std::string& id) {
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const Check& c) { return c.id == id; });
  return found == checks.end() ? Check{"none", Verdict::unknown, "", ""} : *found;
}

TEST(JudgeTarget, AHealthyGuestIsAllOk) {
  const auto checks = judge_target(healthy(), root());
  for (const Check& check : checks)
    EXPECT_EQ(check.verdict, Verdict::ok) << check.id << ": " << check.finding;
  EXPECT_EQ(exit_of(checks), Exit::clean);
  EXPECT_EQ(find(checks, "ram-file").finding, "guest RAM is private to QEMU; `process` reads it");
}

TEST(JudgeTarget, ABusyMonitorNamesWhoHoldsIt) {
  TargetFacts facts;
  facts.target = "/run/vm.qmp";
  facts.not_attached = Error{Errc::monitor_busy, "no greeting", ""};
  facts.holders = {{42, 0, "libvirtd"}};
  facts.holders_known = true;
  auto checks = judge_target(facts, root());
  EXPECT_EQ(find(checks, "monitor").finding, "the monitor is held by libvirtd (pid 42, user 0)");
  EXPECT_THAT(find(checks, "monitor").hint, HasSubstr("second one"));
  EXPECT_EQ(exit_of(checks), Exit::not_attached);
  facts.holders_known = false;
  EXPECT_THAT(find(judge_target(facts, root()), "monitor").finding, HasSubstr("perhaps others"));
  facts.holders.clear();
  EXPECT_THAT(find(judge_target(facts, root()), "monitor").finding, HasSubstr("cannot be seen"));
}

TEST(JudgeTarget, WhatIsNoMonitorIsSaidToBeNone) {
  TargetFacts facts;
  facts.not_attached = Error{Errc::malformed, "no JSON", ""};
  EXPECT_THAT(find(judge_target(facts, root()), "monitor").finding, HasSubstr("no QMP monitor"));
  facts.not_attached.reset();
  facts.no_target = Error{Errc::refused, "/run/x: No such file", "give a socket"};
  const auto checks = judge_target(facts, root());
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_EQ(checks[0].hint, "give a socket");
  EXPECT_EQ(exit_of(checks), Exit::not_attached);
}

TEST(JudgeTarget, MemoryThatCannotBeReadIsExplainedByWhatIsKnown) {
  auto facts = healthy();
  facts.backend = "gdbstub";
  facts.passed_over.push_back("process: Operation not permitted");
  facts.qemu->memory = Error{Errc::permission, "Operation not permitted", ""};
  Rights rights = root();
  rights.may_trace = false;
  const auto hint = [&] { return find(judge_target(facts, rights), "process").hint; };
  EXPECT_THAT(hint(), HasSubstr("ptrace_scope is 1"));
  rights.yama.reset();
  EXPECT_EQ(hint(), "run as root or with CAP_SYS_PTRACE");
  rights.yama = 3;
  EXPECT_THAT(hint(), HasSubstr("next boot"));
  rights = root();
  facts.qemu->apparmor = "libvirt-1111 (enforce)";
  EXPECT_THAT(hint(), HasSubstr("libvirt-1111 (enforce)"));
  facts.qemu->same_user_namespace = false;
  EXPECT_THAT(hint(), HasSubstr("user namespace"));
  const auto checks = judge_target(facts, rights);
  EXPECT_EQ(find(checks, "process").verdict, Verdict::problem);
  EXPECT_THAT(find(checks, "memory").finding, HasSubstr("stops the guest"));
  EXPECT_EQ(exit_of(checks), Exit::unchecked) << "it can be attached to all the same";
}

TEST(JudgeTarget, UnknownIsNeverOk) {
  auto facts = healthy();
  facts.qemu.reset();
  facts.gdbstub_taken.reset();
  facts.kernel.clear();
  facts.no_kernel = "paging is off";
  facts.no_msrs = Error{Errc::unavailable, "not calibrated", ""};
  const auto checks = judge_target(facts, root());
  for (const char* id : {"process", "apparmor", "gdbstub", "kernel", "msrs"})
    EXPECT_EQ(find(checks, id).verdict, Verdict::unknown) << id;
  EXPECT_EQ(exit_of(checks), Exit::unchecked);
}

TEST(JudgeTarget, EncryptedMemoryAndATakenGdbstubAreProblems) {
  auto facts = healthy();
  facts.encryption = "SEV-SNP";
  facts.gdbstub_taken = true;
  facts.kernel = "Linux 5.10";
  facts.types_known = false;
  facts.no_types = "no BTF";
  const auto checks = judge_target(facts, root());
  EXPECT_THAT(find(checks, "encryption").finding, HasSubstr("SEV-SNP"));
  EXPECT_EQ(find(checks, "gdbstub").verdict, Verdict::problem);
  EXPECT_THAT(find(checks, "types").hint, HasSubstr("CONFIG_DEBUG_INFO_BTF"));
}

TEST(JudgeTarget, SharedRamThatCannotBeOpenedIsNamed) {
  auto facts = healthy();
  facts.passed_over = {"mapped: /dev/hugepages/ram: Permission denied"};
  EXPECT_EQ(find(judge_target(facts, root()), "ram-file").verdict, Verdict::unknown);
  facts.backend = "qmp";
  EXPECT_EQ(find(judge_target(facts, root()), "ram-file").verdict, Verdict::problem);
}

HostFacts host() {
  HostFacts facts;
  facts.kernel = "6.1.0";
  facts.rights = root();
  facts.libvirt_built_in = "libvirt 9.0.0";
  facts.qemus = {{{100, 0, "qemu"}, "web", "", {"/run/a", "/run/b"}, {"/run/a"}}};
  return facts;
}

TEST(JudgeHost, AHealthyHostIsAllOk) {
  const auto checks = judge_host(host());
  for (const Check& check : checks)
    EXPECT_EQ(check.verdict, Verdict::ok) << check.id << ": " << check.finding;
  EXPECT_THAT(find(checks, "qemu").finding, HasSubstr("free monitor /run/b"));
  EXPECT_EQ(exit_of(checks), Exit::clean);
}

TEST(JudgeHost, EachLackIsNamed) {
  auto facts = host();
  facts.rights = {.user = 1000, .may_trace = false, .yama = 2, .descriptors = 20, .descriptors_used = 15};
  facts.libvirt_built_in.clear();
  facts.libvirt_sockets = {"/run/libvirt/libvirt-sock"};
  facts.qemus[0].held = facts.qemus[0].monitors;
  facts.agent = Error{Errc::refused, "/run/ringside/control.sock: No such file or directory", ""};
  const auto checks = judge_host(facts);
  for (const char* id : {"rights", "yama", "descriptors", "libvirt", "qemu", "agent"}) {
    EXPECT_EQ(find(checks, id).verdict, Verdict::problem) << id;
    EXPECT_FALSE(find(checks, id).hint.empty()) << id;
  }
  EXPECT_EQ(exit_of(checks), Exit::unchecked);
}

TEST(JudgeHost, OnesOwnQemuMayBeReadWithoutACapability) {
  auto facts = host();
  facts.rights = {.user = 1000, .may_trace = false, .yama = 0, .descriptors = 1024, .descriptors_used = 15};
  facts.qemus[0].process.user = 1000;
  EXPECT_EQ(find(judge_host(facts), "rights").verdict, Verdict::ok);
  facts.rights.yama = 1;
  EXPECT_EQ(find(judge_host(facts), "rights").verdict, Verdict::problem);
}

TEST(JudgeHost, ADomainOfLibvirtIsReachedThroughIt) {
  auto facts = host();
  facts.qemus[0].monitors.clear();
  facts.qemus[0].uuid = "11111111-2222-3333-4444-555555555555";
  EXPECT_EQ(find(judge_host(facts), "qemu").verdict, Verdict::unknown);
  facts.libvirt_sockets = {"/run/libvirt/libvirt-sock"};
  EXPECT_THAT(find(judge_host(facts), "qemu").finding, HasSubstr("libvirt:11111111"));
}

TEST(Doctor, ShowsAHintBelowItsCheckAndJsonForPrograms) {
  const std::vector<Check> checks{{"monitor", Verdict::problem, "it is held", "give it another"},
                                  {"yama", Verdict::ok, "no Yama", ""}};
  EXPECT_EQ(render(checks, Style(false)),
            "problem  monitor  it is held\n"
            "                  do: give it another\n"
            "ok       yama     no Yama\n");
  const Json json = to_json(checks);
  EXPECT_EQ(json[0]["verdict"], "problem");
  EXPECT_EQ(json[0]["hint"], "give it another");
  EXPECT_TRUE(json[1]["hint"].is_null());
}

}  // namespace
}  // namespace ringside::agent::doctor
