// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/rootkit.h"

#include <fmt/format.h>

#include <utility>

namespace ringside::lab {

namespace {

/// A module of tests/attacks/modules that is loaded with parameters and undoes it when it is unloaded.
Rootkit module(const std::string& name, const std::string& parameters, std::string check,
               std::vector<std::string> says, std::string needs = {}, std::string otherwise = {}) {
  return {parameters.empty() ? name : name + " " + parameters,
          "attack load " + name + (parameters.empty() ? "" : " " + parameters),
          "attack unload " + name,
          std::move(check),
          std::move(says),
          std::move(needs),
          std::move(otherwise)};
}

/// The same with parameters that are looked up, left out of the name.
Rootkit told(const std::string& name, const std::string& parameters, const std::string& looked_up,
             std::string check, std::vector<std::string> says, std::string needs = {},
             std::string otherwise = {}) {
  Rootkit kit =
      module(name, parameters, std::move(check), std::move(says), std::move(needs), std::move(otherwise));
  kit.load += " " + looked_up;
  return kit;
}

const std::string kNobody = "module -";
const std::string kSwapoff = "__x64_sys_swapoff";
const std::string kListener =
    "socket={{SELECT gva FROM sockets WHERE protocol = 'tcp' AND state = 'LISTEN' AND local_port = "
    "7777}}";
const std::string kVictim = "pid=$(cat /tmp/victim)";

/// SQL for where a member of struct proc_dir_entry stands: no header tells.
std::string offset(const std::string& member) {
  return "{{SELECT offset FROM type_members WHERE type = 'proc_dir_entry' AND member = '" + member + "'}}";
}
std::string proc_offsets() {
  return "node_offset=" + offset("subdir_node") + " name_offset=" + offset("name") +
         " subdir_offset=" + offset("subdir") + " ops_offset=" + offset("proc_ops") +
         " show_offset=" + offset("single_show");
}

std::vector<Rootkit> entry() {
  const std::string kCpu = "of vCPU ";
  return {
      module("syscall_entry", "how=module", "linux-entry/system-call-table",
             {"(getdents64)", "hooked_getdents64", "module syscall_entry"}),
      module("syscall_entry", "how=middle", "linux-entry/system-call-table",
             {"(swapoff)", "sys_swapoff+0x4"}),
      module("syscall_dispatch", "", "linux-entry/system-call-dispatch",
             {"(swapoff)", "hooked_swapoff", "module syscall_dispatch"}, "x64_sys_call",
             "system calls are dispatched through the table"),
      module("syscall_remap", "", "linux-page-tables/image-moved", {"it leads to"}),
      module("idt_gate", "", "linux-entry/interrupt-handlers",
             {"gate 31", "hooked_interrupt", "module idt_gate"}),
      module("idt_moved", "", "linux-entry/interrupt-table-place", {"idtr.base", kCpu}),
      module("gdt_gate", "", "linux-entry/segments", {"entry 7 of vCPU 0", "call"}),
      module("tss_stack", "", "linux-entry/entry-stacks", {"of vCPU 0"}),
      module("msr", "how=lstar", "linux-entry/system-call-entry", {"LSTAR", "hooked_entry", "module msr"}),
      module("msr", "how=cstar", "linux-entry/system-call-entry", {"CSTAR", "hooked_entry", "module msr"}),
      module("control_register", "how=wp", "linux-entry/write-protection", {"CR0", "WP"}),
      module("control_register", "how=smep", "linux-entry/pinned-protections", {"CR4", "300000"}),
      module("debug_register", "", "linux-entry/debug-registers", {"dr3", "watched", "debug_register"}),
  };
}

std::vector<Rootkit> code() {
  const std::string kSites = "linux-text/patch-sites";
  return {
      module("inline_hook", "how=prologue", "linux-text/kernel-code", {kSwapoff, "jmp"}),
      module("inline_hook", "how=middle", "linux-text/kernel-code", {"kernel_kexec+0x3c"}),
      module("module_text", "", "linux-text/module-code", {"dummy_xmit", "of dummy"}),
      module("alternative", "", "linux-text/kernel-code", {"__get_user_1", "clac"}),
      module("ftrace_site", "how=call", kSites, {kSwapoff, "ftrace", "call"}),
      module("ftrace_site", "how=jump", kSites, {kSwapoff, "ftrace", "jmp"}),
      module("jump_label", "", kSites, {"jump", "jmp"}),
      module("static_call", "how=trampoline", kSites, {"sched_process_fork"}),
      module("static_call", "how=key", "linux-static-calls/tracepoint-calls",
             {"sched_process_fork", "hooked_call", "module static_call"}),
      module("static_call", "how=nobody", "linux-static-calls/keys-in-text", {"sched_process_fork", kNobody}),
  };
}

std::vector<Rootkit> pages() {
  const std::string kHidden = "linux-executable-pages/hidden-code";
  return {
      module("page_rights", "how=text", "linux-page-tables/writable-code", {"kernel_text"}),
      module("page_rights", "how=text_alias", "linux-page-tables/writable-code", {"vmalloc"}),
      module("page_rights", "how=rodata_alias", "linux-page-tables/writable-rodata", {"vmalloc"}),
      module("page_rights", "how=user", "linux-page-tables/user-page", {"vmalloc"}),
      told("page_rights", "how=own_half", kVictim, "linux-page-tables/own-kernel-half", {"sleep"}),
      module("hidden_code", "how=vmalloc", kHidden, {"4096 bytes", "vmalloc"}),
      module("hidden_code", "how=direct", kHidden, {"4096 bytes", "direct_map"}),
      module("hidden_code", "how=module", kHidden, {"4096 bytes", "module_area"}),
      module("hidden_code", "how=writable", "linux-executable-pages/writable-executable",
             {"4096 bytes", "vmalloc"}),
      told("bpf_code", "",
           "prog=0x$(awk '$4 == \"[bpf]\" && $3 ~ /^bpf_prog_/ { print $1; exit }' /proc/kallsyms)",
           "linux-executable-pages/foreign-code", {"bpf_"}),
  };
}

std::vector<Rootkit> tracing() {
  return {
      module("ftrace_hook", "", "linux-tracing/ftrace-handlers", {"hooked_trace", "module ftrace_hook"}),
      module("ftrace_direct", "", "linux-tracing/ftrace-direct-calls",
             {kSwapoff, "hooked_direct", "module ftrace_direct"}),
      module("kprobe", "how=entry", "linux-tracing/kprobe-handlers",
             {kSwapoff, "hooked_entry", "module kprobe"}),
      module("kprobe", "how=return", "linux-tracing/kprobe-handlers",
             {kSwapoff, "hooked_return", "module kprobe"}),
      module("fprobe", "", "linux-tracing/fprobe-handlers", {"hooked_fprobe", "module fprobe"},
             "register_fprobe", "there are no fprobes in this kernel"),
      module("uprobe", "", "linux-tracing/uprobe-handlers", {"lab", "hooked_uprobe", "module uprobe"}),
      module("tracepoint", "tracepoint=sys_enter", "linux-tracing/tracepoint-probes",
             {"tracepoint sys_enter", "hooked_probe", "module tracepoint"}),
      module("tracepoint", "tracepoint=sched_process_fork", "linux-tracing/tracepoint-probes",
             {"tracepoint sched_process_fork", "hooked_probe", "module tracepoint"}),
      module("lsm_hook", "", "linux-lsm/hooks-in-kernel", {"settime", "hooked_settime", "module lsm_hook"}),
      module("hide_program", "", "linux-bpf/hidden-programs", {"is not in prog_idr"}),
      {"write_user",
       "/attacks/write_user >/tmp/write_user & echo $! >/tmp/attacker; sleep 1; grep -q attached "
       "/tmp/write_user && echo loaded",
       "kill $(cat /tmp/attacker)",
       "linux-bpf/writes-user-memory",
       {"attack_write", "raw_tracepoint", "user 0"},
       {},
       {}},
  };
}

std::vector<Rootkit> subsystems() {
  const std::string kNotifiers = "linux-notifiers/function-in-text";
  std::vector<Rootkit> all;
  for (const auto& [chain, list] : {std::pair{"die", "die_chain"},
                                    {"panic", "panic_notifier_list"},
                                    {"reboot", "reboot_notifier_list"},
                                    {"netdev", "netdev_chain"},
                                    {"inetaddr", "inetaddr_chain"},
                                    {"module", "module_notify_list"}})
    all.push_back(module("notifier", fmt::format("chain={}", chain), kNotifiers, {list, kNobody}));
  all.push_back(module("notifier", "how=module chain=module", "linux-notifiers/keyboard-and-modules",
                       {"module_notify_list", "hooked_notifier", "module notifier"}));
  all.push_back(module("notifier", "how=module chain=keyboard", "linux-notifiers/keyboard-and-modules",
                       {"keyboard_notifier_list", "hooked_notifier", "module notifier"},
                       "keyboard_notifier_list", "this kernel has no keyboard"));
  const std::vector<Rootkit> more = {
      module("netfilter", "", "linux-network-hooks/netfilter", {"ipv4 LOCAL_IN", kNobody}),
      module("packet_handler", "", "linux-network-hooks/packet-handlers", {"34997", kNobody}),
      module("protocol", "", "linux-network-hooks/protocols", {"ioctl", "hooked_ioctl", "module protocol"}),
      module("timer", "how=timer", "linux-execution/timers", {"timer", kNobody}),
      module("timer", "how=hrtimer", "linux-execution/timers", {"hrtimer", kNobody}),
      module("timer", "how=work", "linux-execution/timers", {"work.func", kNobody}),
      module("thread", "how=thread", "linux-execution/threads", {"ringside-attack", kNobody}),
      module("thread", "how=work", "linux-execution/work", {kNobody}),
      module("softirq", "", "linux-execution/softirqs", {"IRQ_POLL", "hooked_softirq", "module softirq"}),
      module("sysrq_key", "", "linux-terminals/sysrq", {"key x", kNobody}),
      module("input_handler", "", "linux-terminals/input", {"event of ringside", kNobody}),
      told("socket_hook", "how=ready", kListener, "linux-network-hooks/sockets",
           {"sk_data_ready", "nc", kNobody}),
      told("socket_hook", "how=protocol", kListener, "linux-network-hooks/socket-tables",
           {"sk_prot", "nc", "direct_map"}),
      module("device_operations", "", "linux-network-hooks/device-tables",
             {"netdev_ops", "dummy0", "direct_map"}),
      module("binary_format", "", "linux-execution/binary-formats", {"load_binary", kNobody}),
      told("sysctl", "", "table={{SELECT gva FROM sysctl_handlers WHERE name = 'kernel.tainted'}}",
           "linux-execution/sysctl", {"kernel.tainted", "hooked_handler", "module sysctl"}),
      module("seq_show", "how=show", "linux-file-operations/sequences",
             {"tcp4_seq_ops", "show", "hooked_show", "module seq_show"}),
      module("seq_show", "how=middle", "linux-file-operations/sequences", {"tcp4_seq_ops", "next", "+0x7"}),
      module("file_operations", "how=root_data", "linux-file-operations/objects",
             {"proc", "i_fop", "copy [file_operations]", "module file_operations"}),
      module("file_operations", "how=root_rodata", "linux-file-operations/objects",
             {"proc", "i_fop", "module file_operations"}),
      module("file_operations", "how=iterate", "linux-file-operations/table-functions",
             {"iterate_shared", "hooked_iterate", "module file_operations"}),
      module("file_operations", "how=super", "linux-file-operations/objects",
             {"proc", "s_op", "module file_operations"}),
      module("file_operations", "how=dentry", "linux-file-operations/objects",
             {"proc", "d_op", "module file_operations"}),
      told("proc_file", "how=table", proc_offsets(), "linux-file-operations/proc-tables",
           {"/proc/modules", "proc_ops", "module proc_file"}),
      told("proc_file", "how=show", proc_offsets(), "linux-file-operations/kernel-entries-unchanged",
           {"/proc/version", "single_show", "hooked_show", "module proc_file"}),
      module("terminal", "", "linux-terminals/line-disciplines",
             {"n_tty", "receive_buf2", "hooked_receive", "module terminal"}),
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

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

std::vector<Rootkit> settings() {
  const std::string kUnchanged = "linux-settings/unchanged";
  return {
      setting("modprobe_path", "text=/tmp/x", "linux-settings/helpers"),
      setting("poweroff_cmd", "text=/tmp/x", "linux-settings/helpers"),
      setting("core_pattern", "'text=|/tmp/x'", "linux-settings/core-dumps"),
      setting("kernel_set_to_readonly", "number=0", "linux-settings/read-only"),
      setting("tainted_mask", "number=0 size=8", "linux-settings/taints"),
      setting("mmap_min_addr", "number=0 size=8", kUnchanged),
      setting("dmesg_restrict", "number=0", kUnchanged),
      setting("kexec_load_disabled", "number=0", "linux-settings/one-way"),
      setting("panic_on_oops", "number=1", kUnchanged),
      setting("randomize_va_space", "number=0", kUnchanged),
      written("/proc/sys/kernel/modprobe", "/tmp/x", "linux-settings/helpers", {"modprobe_path is /tmp/x"}),
      written("/proc/sys/kernel/core_pattern", "|/tmp/x", "linux-settings/core-dumps", {"|/tmp/x"}),
      written("/proc/sys/kernel/core_pattern", "/tmp/core", "linux-settings/core-dumps-unchanged",
              {"/tmp/core"}),
      written("/proc/sys/kernel/randomize_va_space", "0", kUnchanged, {"randomize_va_space", "-> 0"}),
  };
}

std::vector<Rootkit> views() {
  std::vector<Rootkit> all = {
      told("hide_process", "how=list", kVictim, "linux-processes/hidden-process", {"sleep", "listed no"}),
      told("hide_process", "how=pid", kVictim, "linux-processes/hidden-process", {"sleep"}),
      told("credentials", "how=init", kVictim, "linux-credentials/init-cred", {"sleep"}),
      told("credentials", "how=shared", kVictim, "linux-credentials/shared", {"sleep", "process 1"}),
      told("credentials", "how=capabilities", kVictim, "linux-credentials/capabilities-beyond-permitted",
           {"sleep"}),
      told("hide_socket", "", kListener, "linux-sockets/missing-in-table", {"7777", "nc"}),
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

std::vector<Rootkit> kept() {
  // The kernel loads a module of one name once: the second has another file's name, and the same technique.
  std::vector<Rootkit> all = {
      module("hide_module", "how=everywhere", "linux-modules/hidden-module",
             {"hide_module", "listed no", "sysfs no"}),
  };
  for (auto& kit : all) kit.undo.clear();
  return all;
}

}  // namespace

std::vector<Rootkit> rootkits() {
  std::vector<Rootkit> all;
  for (auto& some : {entry(), code(), pages(), tracing(), subsystems(), settings(), views(), kept()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace ringside::lab
