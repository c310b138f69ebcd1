// SPDX-License-Identifier: Apache-2.0
// Rootkits that change settings, and what takes modules, processes and sockets out of the kernel's records.
#include "tests/e2e/support/rootkit_lists.h"

#include <fmt/format.h>

#include <utility>

namespace ringside::lab {

namespace {

/// A variable of the kernel, written past what guards it.
Rootkit setting(const std::string& name, const std::string& value, std::string check) {
  Rootkit kit =
      told("setting", value, "place={{SELECT gva FROM kernel_settings WHERE name = '" + name + "'}}",
           std::move(check), {name});
  kit.name = "setting " + name;
  return kit;
}
/// The same by the kernel's own interface, by a program. {file, value}: undone with what it printed.
Rootkit written(const std::string& file, const std::string& value, std::string check,
                std::vector<std::string> says) {
  return {fmt::format("write_setting {} {}", file, value),
          fmt::format("/attacks/write_setting {} '{}' >/tmp/old && echo loaded", file, value),
          fmt::format("/attacks/write_setting {} \"$(cat /tmp/old)\" >/dev/null", file),
          std::move(check),
          std::move(says),
          {},
          {}};
}

/// What has to be raised first: `low` is written over `high`, of which a baseline was taken.
Rootkit lowered(const std::string& name, unsigned high, unsigned low, unsigned size, std::string check) {
  const auto write = [](unsigned number) {
    return fmt::format("echo {} >/sys/module/setting/parameters/now", number);
  };
  Rootkit kit = {fmt::format("setting {} {} to {}", name, high, low),
                 write(low) + " && echo loaded",
                 write(high),
                 std::move(check),
                 {name},
                 {},
                 {}};
  kit.before = fmt::format(
      "attack load setting number={} size={} place={{{{SELECT gva FROM kernel_settings WHERE name = '{}'}}}}",
      high, size, name);
  // No module can be unloaded while some of these are raised.
  kit.after = write(0) + "; attack unload setting";
  return kit;
}

}  // namespace

std::vector<Rootkit> setting_rootkits() {
  const std::string kUnchanged = "linux-settings/unchanged", kOneWay = "linux-settings/one-way",
                    kLoosened = "linux-settings/loosened";
  return {
      setting("modprobe_path", "text=/tmp/x", "linux-settings/helpers"),
      setting("poweroff_cmd", "text=/tmp/x", "linux-settings/helpers"),
      setting("core_pattern", "'text=|/tmp/x'", "linux-settings/core-dumps"),
      setting("kernel_set_to_readonly", "number=0", "linux-settings/read-only"),
      setting("tainted_mask", "number=0 size={{SELECT bits / 8 FROM kernel}}", "linux-settings/taints"),
      told("setting", "number=0",
           "size={{SELECT bits / 8 FROM kernel}} place={{SELECT gva FROM kernel_settings WHERE name = "
           "'tainted_mask'}}",
           "linux-modules/taint-cleared", {"kernel.tainted lacks", "which module setting"}),
      setting("sysctl_unprivileged_bpf_disabled", "number=0", kLoosened),
      setting("kptr_restrict", "number=2", kUnchanged),
      setting("sysctl_perf_event_paranoid", "number=0", kUnchanged),
      setting("ftrace_enabled", "number=0", kUnchanged),
      setting("kprobes_all_disarmed", "number=1 size=1", kUnchanged),
      setting("apparmor_enabled", "number=0", kUnchanged),
      setting("mmap_min_addr", "number=0 size={{SELECT bits / 8 FROM kernel}}", kUnchanged),
      setting("dmesg_restrict", "number=0", kUnchanged),
      setting("kexec_load_disabled", "number=0", "linux-settings/one-way"),
      setting("panic_on_oops", "number=1", kUnchanged),
      setting("randomize_va_space", "number=0", kUnchanged),
      lowered("kernel_locked_down", 17, 0, 4, kOneWay),
      lowered("sig_enforce", 1, 0, 1, kOneWay),
      lowered("modules_disabled", 1, 0, 4, kOneWay),
      lowered("audit_enabled", 2, 0, 4, kOneWay),
      lowered("audit_enabled", 1, 0, 4, kLoosened),
      lowered("ptrace_scope", 3, 0, 4, kOneWay),
      lowered("sysctl_unprivileged_bpf_disabled", 1, 0, 4, kOneWay),
      lowered("selinux_state.enforcing", 1, 0, 1, kUnchanged),
      written("/proc/sys/kernel/modprobe", "/tmp/x", "linux-settings/helpers", {"modprobe_path is /tmp/x"}),
      written("/proc/sys/kernel/core_pattern", "|/tmp/x", "linux-settings/core-dumps", {"|/tmp/x"}),
      written("/proc/sys/kernel/core_pattern", "/tmp/core", "linux-settings/core-dumps-unchanged",
              {"/tmp/core"}),
      written("/proc/sys/kernel/randomize_va_space", "0", kUnchanged, {"randomize_va_space", "-> 0"}),
  };
}

std::vector<Rootkit> view_rootkits() {
  std::vector<Rootkit> all = {
      told("hide_process", "how=list", kVictim, "linux-processes/hidden-process", {"sleep", "listed no"}),
      told("hide_process", "how=pid", kVictim, "linux-processes/hidden-process", {"sleep"}),
      told("hide_process", "how=false", kVictim, "linux-processes/false-pid", {"31337"}),
      told("hide_process", "how=list", kListening, "linux-sockets/hidden-owner", {"7777", "process"}),
      told("credentials", "how=init", kVictim, "linux-credentials/init-cred", {"sleep"}),
      told("credentials", "how=shared", kVictim, "linux-credentials/shared", {"sleep", "process 1"}),
      told("credentials", "how=capabilities", kVictim, "linux-credentials/capabilities-beyond-permitted",
           {"sleep"}),
      told("credentials", "how=acting", kVictim, "linux-credentials/acting-as-another", {"sleep"}),
      told("credentials", "how=freed", kVictim, "linux-credentials/freed", {"sleep"}),
      told("hide_namespace", "", "pid=$(cat /tmp/apart)", "linux-credentials/unlisted-namespace", {"sleep"}),
      told("vdso", "how=image", kVictim, "linux-vdso/image", {"sleep", "module vdso"}),
      told("vdso", "how=writable", kVictim, "linux-vdso/writable", {"sleep", "can write"}),
      told("vdso", "how=kernel", kVictim, "linux-vdso/images-unchanged", {"changed"}),
      {"patch_vdso",
       "/attacks/patch_vdso >/tmp/patch_vdso 2>&1 & echo $! >/tmp/attacker; sleep 1; cat /tmp/patch_vdso; "
       "grep -q patched /tmp/patch_vdso && echo loaded",
       "kill $(cat /tmp/attacker)",
       "linux-vdso/code",
       {"patch_vdso", "other code"},
       {},
       {}},
      told("hide_socket", "how=table", kListener, "linux-sockets/missing-in-table", {"7777", "nc"}),
      told("hide_socket", "how=owner", kListener + " " + kListening, "linux-sockets/listener-without-owner",
           {"7777"}),
      module("promiscuous", "how=kernel", "linux-sockets/promiscuous-for-nobody", {"dummy0 is promiscuous"}),
      module("promiscuous", "how=disguised", "linux-sockets/promiscuity-disguised",
             {"dummy0:", "IFF_PROMISC is no"}),
      {"cover_process",
       "/attacks/cover_process $(cat /tmp/victim) && echo loaded",
       "/attacks/cover_process -u $(cat /tmp/victim)",
       "linux-processes/mount-over-proc",
       {"tmpfs none is mounted over /proc/"},
       {},
       {}},
      module("hide_module", "how=list", "linux-modules/hidden-module", {"module hide_module", "listed no"}),
  };
  all.back().undo = "echo 1 >/sys/module/hide_module/parameters/undo; attack unload hide_module";
  return all;
}

std::vector<Rootkit> kept_rootkits() {
  // The kernel loads a module of one name once: the second has another file's name, and the same technique.
  std::vector<Rootkit> all = {
      module("hide_module", "how=everywhere", "linux-modules/hidden-module",
             {"module hide_module", "is hidden: listed no"}),
  };
  for (auto& kit : all) kit.undo.clear();
  return all;
}

}  // namespace ringside::lab
