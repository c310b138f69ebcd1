// SPDX-License-Identifier: Apache-2.0
// The techniques of rootkits, as real modules and programs (tests/attacks) in throw-away guests: is each
// reported by the check that names it, with place and owner, and is all clean again once it is undone?
//   RINGSIDE_ROOTKIT_KERNELS="5.10-cloud sid-amd64"   other kernels than the default ones; "all": all of
//                                                     scripts/lab/fetch-kernel --list
//   RINGSIDE_LAB_TYPES=1                              imports types of 32-bit kernels first
//   RINGSIDE_ROOTKITS='msr *'                         only attacks of that name; '@(msr *|vdso *)' of several
#include "tests/e2e/support/chosen_kernels.h"
#include "tests/e2e/support/kernel_test_name.h"
#include "tests/e2e/support/lab_types.h"
#include "tests/e2e/support/program.h"
#include "tests/e2e/support/rootkit_range.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace ringside::lab {
namespace {

bool chosen(const Rootkit& kit) {
  const char* pattern = std::getenv("RINGSIDE_ROOTKITS");
  return pattern == nullptr || ::fnmatch(pattern, kit.name.c_str(), FNM_EXTMATCH) == 0;
}

/// A guest at rest with the attacks in /attacks, or why there is none.
Result<std::unique_ptr<Guest>> boot(const std::string& kernel) {
  Options options;
  options.kernel = kernel;
  options.ram = Ram::memfd;
  options.smp = 2;
  options.modules = true;
  options.ready_deadline = std::chrono::minutes(6);
  RINGSIDE_TRY(options.more_initramfs, lab_script({"build-attacks", kernel}));
  RINGSIDE_TRY(auto guest, Guest::boot(options));
  // A 32-bit kernel compiles programs of BPF, and lists their code, when it is asked to.
  const std::string settled = guest->run(
      "settle 40 12 && echo 1 >/proc/sys/kernel/kexec_load_disabled; for i in jit_enable jit_kallsyms; do "
      "echo 1 >/proc/sys/net/core/bpf_$i; done; (/attacks/write_user harmless "
      ">/dev/null 2>&1 &) ; sleep 1000001 & echo $! >/tmp/victim; unshare -n sleep 1000002 & echo $! "
      ">/tmp/apart; sleep 2; attack ready",
      std::chrono::minutes(6));
  if (settled.find("ready") == std::string::npos)
    return fail(Errc::io, "the guest does not settle: " + settled);
  return guest;
}

class LinuxRootkits : public testing::TestWithParam<std::string> {};

TEST_P(LinuxRootkits, AreReportedByTheCheckThatNamesThem) {
  auto booted = boot(GetParam());
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  if (wants_types(GetParam())) {
    const auto imported = import_types(GetParam(), guest.folder().file("state"));
    RINGSIDE_REQUIRE_GUEST(imported);
  }
  auto opened = RootkitRange::open(guest);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  RootkitRange& range = **opened;
  const auto before = range.standing();
  ASSERT_TRUE(before.has_value()) << before.error().message;
  for (const auto& line : *before) ADD_FAILURE() << "before any attack: " << line;

  // What a driver does is no attack.
  ASSERT_NE(guest.run("attack load innocent").find("loaded"), std::string::npos);
  const auto innocent = range.standing();
  ASSERT_TRUE(innocent.has_value()) << innocent.error().message;
  for (const auto& line : *innocent) ADD_FAILURE() << "of an innocent module: " << line;
  guest.run("attack unload innocent");

  std::string table;
  unsigned found = 0, unknown = 0, missed = 0, absent = 0;
  using Kind = RootkitRange::Outcome::Kind;
  for (const Rootkit& kit : rootkits()) {
    if (!chosen(kit)) continue;
    const auto outcome = range.run(kit);
    for (const auto& wrong : outcome.wrong) ADD_FAILURE() << kit.name << ": " << wrong;
    ++(outcome.kind == Kind::found     ? found
       : outcome.kind == Kind::unknown ? unknown
       : outcome.kind == Kind::absent  ? absent
                                       : missed);
    table += fmt::format("  {:<44} {}\n", kit.name,
                         outcome.kind == Kind::found     ? kit.check
                         : outcome.kind == Kind::unknown ? kit.check + " is unknown: " + outcome.message
                         : outcome.kind == Kind::absent  ? "does not exist here: " + outcome.message
                                                         : "MISSED, should be " + kit.check);
    std::cout << fmt::format("{}: {}\n", kit.name, outcome.message);
    for (const auto& other : outcome.beside) std::cout << "    beside: " << other << '\n';
  }
  std::cout << fmt::format("{}\n{}{} found, {} unknown, {} missed, {} do not exist here\n", GetParam(), table,
                           found, unknown, missed, absent);
  EXPECT_EQ(guest.run("echo alive"), "alive\n");
}

/// The module's file in the folder of a kernel's modules; empty: none.
std::string module_file(const std::string& folder, const std::string& name) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder))
    if (file.is_regular_file() && file.path().filename().string().starts_with(name + ".ko"))
      return file.path().string();
  return {};
}

TEST(LinuxRootkitsWithGolden, AreFoundThoughTheyWereThereBeforeTheFirstLook) {
  const std::string kernel = "6.1-cloud";
  auto booted = boot(kernel);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  for (const char* kit : {"inline_hook how=prologue", "module_text", "rodata how=both"})
    ASSERT_NE(guest.run(std::string("attack load ") + kit + " 2>&1").find("loaded"), std::string::npos)
        << kit;

  // Now somebody looks who has never seen this guest, and knows what its vendor shipped.
  const auto vmlinuz = lab_script({"fetch-kernel", kernel}),
             modules = lab_script({"fetch-kernel", "--modules", kernel});
  ASSERT_TRUE(vmlinuz && modules);
  const std::string state = "RINGSIDE_STATE_DIR=" + guest.folder().file("state");
  const auto import =
      run_program({RINGSIDE_PROGRAM, "golden", "import", *vmlinuz, module_file(*modules, "dummy")},
                  {state, "NO_COLOR=1"});
  ASSERT_TRUE(import.has_value());
  ASSERT_EQ(import->status, 0) << said(*import);
  const Finished scan = ringside(guest, "scan", {"--no-confirm"});
  EXPECT_EQ(scan.status, 3) << said(scan);
  for (const char* part :
       {"linux-text/kernel-code", "__x64_sys_swapoff+0x5", "linux-text/module-code", "dummy_xmit",
        "linux-rodata/kernel-rodata", "linux_proc_banner", "linux-rodata/module-rodata"})
    EXPECT_NE(scan.out.find(part), std::string::npos) << part << " is not in:\n" << said(scan);
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinuxRootkits,
                         testing::ValuesIn(chosen_kernels("RINGSIDE_ROOTKIT_KERNELS",
                                                          "6.1-cloud 5.10-cloud")),
                         kernel_test_name<std::string>);

}  // namespace
}  // namespace ringside::lab
