// SPDX-License-Identifier: Apache-2.0
// Rootkits that change how the kernel is entered, its code, its pages, and what traces it.
#include "tests/e2e/support/rootkit_lists.h"

#include <fmt/format.h>

#include <utility>

namespace ringside::lab {

std::vector<Rootkit> entry_rootkits() {
  // A 32-bit kernel does not name it.
  const std::string kTable =
      "at_sys_call_table={{SELECT coalesce(addr('sys_call_table'), (SELECT entry FROM syscalls WHERE abi = "
      "'ia32' AND "
      "nr = 0))}}";
  const std::string kCpu = "of vCPU ", kOnly64 = "there is no such thing in a 32-bit kernel";
  std::vector<Rootkit> all = {
      told("syscall_entry", "how=module", kTable, "linux-entry/system-call-table",
           {"hooked_getdents64", "module syscall_entry"}),
      told("syscall_entry", "how=middle", kTable, "linux-entry/system-call-table", {"sys_swapoff+0x4"}),
      module("syscall_dispatch", "", "linux-entry/system-call-dispatch",
             {"enters hooked_swapoff", "module syscall_dispatch"}, "x64_sys_call\\|ia32_sys_call",
             "system calls are dispatched through the table"),
      module("syscall_remap", "", "linux-page-tables/image-moved", {"it leads to"}),
      module("idt_gate", "how=handler", "linux-entry/interrupt-handlers",
             {"gate 31", "hooked_interrupt", "module idt_gate"}),
      module("idt_gate", "how=rights", "linux-entry/interrupt-gates", {"gate 31", "DPL 3"}),
      module("idt_gate", "how=stack", "linux-entry/interrupt-gates", {"gate 31", "interrupt stack 1"},
             "entry_SYSCALL_64", kOnly64),
      module("idt_moved", "how=register", "linux-entry/interrupt-table-place", {"idtr.base", kCpu}),
      module("idt_moved", "how=memory", "linux-entry/interrupt-table-memory", {"of vCPU 0", "is elsewhere"}),
      module("gdt_gate", "", "linux-entry/segments", {"of vCPU 0", "call"}),
      module("gdt_moved", "", "linux-entry/segment-table-place",
             {"has its segment table at", "the kernel's"}),
      module("tss_stack", "", "linux-entry/entry-stacks", {"of vCPU 0"}, "entry_SYSCALL_64", kOnly64),
      module("msr", "how=lstar", "linux-entry/system-call-entry", {"LSTAR", "hooked_entry", "module msr"},
             "entry_SYSCALL_64", kOnly64),
      module("msr", "how=cstar", "linux-entry/system-call-entry", {"CSTAR", "hooked_entry", "module msr"},
             "entry_SYSCALL_64", kOnly64),
      module("msr", "how=sysenter", "linux-entry/system-call-entry",
             {"SYSENTER_EIP", "hooked_entry", "module msr"}),
      module("msr", "how=stack", "linux-entry/entry-stacks", {"the SYSENTER stack of vCPU"},
             "entry_SYSCALL_64", "a 32-bit kernel would not survive it: its programs use SYSENTER"),
      module("msr", "how=flags", "linux-entry/system-call-entry", {"SFMASK of vCPU"}, "entry_SYSCALL_64",
             kOnly64),
      module("msr", "how=segments", "linux-entry/system-call-entry", {"STAR of vCPU"}, "entry_SYSCALL_64",
             kOnly64),
      module("control_register", "how=wp", "linux-entry/write-protection", {"CR0", "WP"}),
      module("control_register", "how=smep", "linux-entry/pinned-protections", {"CR4", "300000"}),
      {"setting cr_pinning",
       "attack load setting number=0 place={{SELECT addr('cr_pinning')}}",
       "attack unload setting",
       "linux-entry/pinning-enabled",
       {"cr_pinning is 0"},
       {},
       {}},
      module("debug_register", "", "linux-entry/debug-registers", {"dr3", "watched", "debug_register"}),
  };
  for (auto& kit : all)
    if (kit.name.starts_with("syscall_entry"))
      kit.narrow = "system calls go by a switch, and the table has no name";
  return all;
}

std::vector<Rootkit> code_rootkits() {
  const std::string kSites = "linux-text/patch-sites";
  // Only a 32-bit kernel does not name its table of them.
  const std::string kJumpLabel =
      "place={{SELECT CASE bits WHEN 32 THEN (SELECT gva FROM patch_sites WHERE kind = 'jump_label' AND size "
      "= 5 AND "
      "region = 'kernel_text' AND actual_code NOT GLOB 'jmp*' AND actual_code NOT GLOB '*;*' LIMIT 1) ELSE 0 "
      "END FROM "
      "kernel}}";
  return {
      module("inline_hook", "how=prologue", "linux-text/kernel-code", {kSwapoff, "jmp"}),
      module("inline_hook", "how=middle", "linux-text/kernel-code", {"kernel_kexec+0x3c"}),
      module("module_text", "", "linux-text/module-code", {"dummy_xmit", "of dummy"}),
      module("alternative", "", "linux-text/kernel-code", {"__get_user_1", "clac"}),
      module("ftrace_site", "how=call", kSites, {kSwapoff, "ftrace", "call"}),
      module("ftrace_site", "how=jump", kSites, {kSwapoff, "ftrace", "jmp"}),
      told("jump_label", "", kJumpLabel, kSites, {"jump", "jmp"}),
      module("static_call", "how=trampoline", kSites, {"sched_process_fork"}),
      module("static_call", "how=key", "linux-static-calls/tracepoint-calls",
             {"sched_process_fork", "hooked_call", "module static_call"}),
      module("static_call", "how=nobody", "linux-static-calls/keys-in-text", {"sched_process_fork", kNobody}),
  };
}

std::vector<Rootkit> page_rootkits() {
  const std::string kHidden = "linux-executable-pages/hidden-code",
                    kRoot = "root={{SELECT coalesce(addr('init_top_pgt'), addr('swapper_pg_dir'))}}";
  return {
      module("page_rights", "how=text", "linux-page-tables/writable-code", {"kernel_text"}),
      module("page_rights", "how=text_alias", "linux-page-tables/writable-code", {"vmalloc"}),
      module("page_rights", "how=rodata_alias", "linux-page-tables/writable-rodata", {"vmalloc"}),
      module("page_rights", "how=user", "linux-page-tables/user-page", {"vmalloc"}),
      told("page_rights", "how=own_half", kVictim + " " + kRoot, "linux-page-tables/own-kernel-half",
           {"sleep"}),
      module("page_rights", "how=idt", "linux-page-tables/writable-idt", {"4096 bytes at"}),
      told("page_rights", "how=user_half", kRoot, "linux-page-tables/user-half", {"entry"}),
      module("page_rights", "how=code_moved", "linux-page-tables/code-moved", {"dummy"}),
      module("hidden_code", "how=vmalloc", kHidden, {"4096 bytes", "vmalloc"}),
      module("hidden_code", "how=direct", kHidden, {"4096 bytes", "direct_map"}),
      module("hidden_code", "how=module", kHidden, {"4096 bytes of executable kernel memory"}),
      module("hidden_code", "how=writable", "linux-executable-pages/writable-executable",
             {"4096 bytes", "vmalloc"}),
      told("bpf_code", "",
           "prog=0x$(awk '$4 == \"[bpf]\" && $3 ~ /^bpf_prog_/ { print $1; exit }' /proc/kallsyms)",
           "linux-executable-pages/foreign-code", {"bpf_"}),
  };
}

std::vector<Rootkit> tracing_rootkits() {
  const std::string kNoPatches = "this kernel was built without live patching",
                    kProgram = "SELECT program FROM bpf_programs WHERE name = 'harmless'";
  std::vector<Rootkit> all = {
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
      module("tracepoint", "how=iterator tracepoint=sched_process_exec", "linux-tracing/tracepoint-parts",
             {"sched_process_exec", "hooked_probe"}),
      module("tracepoint", "how=key tracepoint=sched_process_exec", "linux-tracing/tracepoint-key",
             {"sched_process_exec"}),
      module("lsm_hook", "how=hook", "linux-lsm/hooks-in-kernel",
             {"settime", "hooked_settime", "module lsm_hook"}),
      module("lsm_hook", "how=call", "linux-lsm/calls-agree", {"settime"}, "static_calls_table",
             "security hooks are no static calls in this kernel"),
      module("live_patch", "how=hidden", "linux-livepatch/hidden-patches",
             {"_sys_getppid", "patched_getppid", "module live_patch"}, "klp_enable_patch", kNoPatches),
      module("live_patch", "how=elsewhere", "linux-livepatch/replacements-in-patch",
             {"_sys_getppid", "_sys_getpid"}, "klp_enable_patch", kNoPatches),
      module("hide_program", "", "linux-bpf/hidden-programs", {"is not in prog_idr"}),
      module("hide_program", "", "linux-bpf/linked-programs", {"which is not in prog_idr", "BPF link"}),
      told("bpf_object", "how=entry", "object={{" + kProgram + "}}", "linux-bpf/program-entries",
           {"harmless", "hooked_program", "module bpf_object"}),
      told("bpf_object", "how=copy", "object={{" + kProgram + "}}", "linux-bpf/allocated-programs",
           {"harmless"}),
      told("bpf_object", "how=map", "object={{SELECT map FROM bpf_maps WHERE name = 'harmless'}}",
           "linux-bpf/map-operations", {"harmless", "direct_map"}),
      told("bpf_object", "how=link", "object={{SELECT link FROM bpf_links WHERE type = 'raw_tracepoint'}}",
           "linux-bpf/link-operations", {"raw_tracepoint", "direct_map"}),
      {"write_user",
       "/attacks/write_user >/tmp/write_user & echo $! >/tmp/attacker; sleep 1; grep -q attached "
       "/tmp/write_user && echo loaded",
       "kill $(cat /tmp/attacker)",
       "linux-bpf/writes-user-memory",
       {"attack_write", "raw_tracepoint", "user 0"},
       {},
       {}},
  };
  // A patch is there once all tasks have gone over to it; it is taken back by its own file, and lets its
  // module go once no task runs it any more.
  const std::string kFolder = "/sys/kernel/livepatch/live_patch", kWait = "; do usleep 250000; done; ";
  for (auto& kit : all) {
    if (!kit.name.starts_with("live_patch")) continue;
    const bool hidden = kit.name.ends_with("hidden");
    const std::string hide = " >/sys/module/live_patch/parameters/hide; ";
    kit.load += " && while [ \"$(cat " + kFolder + "/transition)\" = 1 ]" + kWait +
                (hidden ? "echo 1" + hide : "") + "echo loaded";
    kit.undo = (hidden ? "echo 0" + hide : "") + "echo 0 >" + kFolder + "/enabled; while [ -e " + kFolder +
               " ]" + kWait + "attack unload live_patch";
  }
  return all;
}

}  // namespace ringside::lab
