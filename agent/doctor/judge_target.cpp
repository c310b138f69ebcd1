// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/judgement.h"
#include "agent/output/format.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ringside::agent::doctor {

namespace {

std::string names(const std::vector<Process>& processes) {
  std::vector<std::string> words;
  for (const Process& process : processes)
    words.push_back(fmt::format("{} (pid {}, user {})", process.command, process.pid, process.user));
  return fmt::format("{}", fmt::join(words, ", "));
}

Check judge_refusal(const TargetFacts& target) {
  const Error& error = *target.not_attached;
  switch (error.code) {
    case Errc::monitor_busy: {
      std::string who =
          target.holders.empty() ? "somebody who cannot be seen from here" : names(target.holders);
      if (!target.holders.empty() && !target.holders_known) who += " and perhaps others";
      return {"monitor", Verdict::problem, "the monitor is held by " + who,
              "QEMU serves one client a monitor: give it a second one (-qmp unix:PATH,server=on,wait=off); "
              "of a domain of libvirt use libvirt:NAME"};
    }
    case Errc::malformed:
    case Errc::oversized:
      return {"monitor", Verdict::problem, "what answers there is no QMP monitor: " + error.message,
              "a monitor for people (-monitor), a serial port or a gdbstub is none; see -qmp"};
    case Errc::unsupported:
      if (error.message.find("memory") != std::string::npos)
        return {"memory", Verdict::problem, error.message, error.hint};
      [[fallthrough]];
    default:
      return {"monitor", Verdict::problem, error.message, error.hint};
  }
}

Check judge_encryption(const TargetFacts& target) {
  if (target.encryption.empty()) return {"encryption", Verdict::ok, "guest memory is not encrypted"};
  return {"encryption", Verdict::problem,
          fmt::format("guest memory is encrypted ({}): nothing in it can be read from outside",
                      target.encryption),
          "such a guest can only be watched from within"};
}

std::string why_passed_over(const TargetFacts& target, std::string_view way) {
  for (const std::string& note : target.passed_over)
    if (note.starts_with(std::string(way) + ": ")) return note.substr(way.size() + 2);
  return {};
}

/// Why the memory of a process that is seen cannot be read, by what is known of it.
Check judge_process(const TargetFacts& target, const Rights& rights) {
  if (!target.qemu) {
    const std::string why = why_passed_over(target, "process");
    return {"process", Verdict::unknown, why.empty() ? "QEMU's process is out of sight" : why,
            "run ringside on QEMU's host, in its pid namespace (containers: --pid=host)"};
  }
  const QemuFacts& qemu = *target.qemu;
  const std::string who = fmt::format("QEMU is process {} of user {}", qemu.process.pid, qemu.process.user);
  if (!qemu.memory) return {"process", Verdict::ok, who + ": its memory can be read"};
  std::string hint;
  if (qemu.same_user_namespace == false)
    hint = "QEMU runs in another user namespace: run ringside outside of it, as root";
  else if (rights.yama.value_or(0) >= 3)
    hint = "kernel.yama.ptrace_scope is 3 until the next boot: give the guest RAM in a shared memfd or file";
  else if (!rights.may_trace)
    hint = fmt::format(
        "run as root or with CAP_SYS_PTRACE{}",
        rights.yama.value_or(0) > 0 ? fmt::format(" (kernel.yama.ptrace_scope is {})", *rights.yama) : "");
  else if (!qemu.apparmor.empty())
    hint = fmt::format("AppArmor confines it ({}): let ringside's profile trace it", qemu.apparmor);
  else
    hint = "a container's seccomp or AppArmor profile may refuse process_vm_readv: allow ptrace";
  return {"process", Verdict::problem, fmt::format("{}: {}", who, qemu.memory->message), hint};
}

Check judge_apparmor(const TargetFacts& target) {
  if (!target.qemu) return {"apparmor", Verdict::unknown, "QEMU's process is out of sight"};
  if (target.qemu->apparmor.empty()) return {"apparmor", Verdict::ok, "no AppArmor profile on QEMU is seen"};
  return {"apparmor", Verdict::ok, fmt::format("QEMU is confined ({})", target.qemu->apparmor),
          target.backend == "gdbstub" || target.backend == "qmp" || target.no_msrs
              ? "let it make files below /run/ringside: /run/ringside/** rw, in "
                "/etc/apparmor.d/local/abstractions/libvirt-qemu"
              : ""};
}

Check judge_memory(const TargetFacts& target) {
  const std::string better = fmt::format("{}", fmt::join(target.passed_over, "; "));
  if (target.backend == "mapped" || target.backend == "process")
    return {"memory", Verdict::ok,
            fmt::format("guest RAM is read by way `{}`, without stopping the guest", target.backend)};
  return {"memory", Verdict::unknown,
          fmt::format("guest RAM is read by way `{}`, which {} ({})", target.backend,
                      target.backend == "gdbstub" ? "stops the guest for each burst of reads" : "is slow",
                      better),
          "see `process`, or start QEMU with a memory-backend-memfd or memory-backend-file, share=on"};
}

Check judge_shared_ram(const TargetFacts& target) {
  if (target.backend == "mapped") return {"ram-file", Verdict::ok, "guest RAM is a file that can be mapped"};
  const std::string why = why_passed_over(target, "mapped");
  if (why.empty()) return {"ram-file", Verdict::unknown, "mapping guest RAM was not tried"};
  if (why.find("in no shared file") != std::string::npos && target.backend == "process")
    return {"ram-file", Verdict::ok, "guest RAM is private to QEMU; `process` reads it"};
  return {"ram-file", target.backend == "process" ? Verdict::unknown : Verdict::problem, why,
          "the file behind guest RAM must be readable for ringside (hugepages: the mount's mode and gid)"};
}

Check judge_gdbstub(const TargetFacts& target) {
  if (!target.gdbstub_taken)
    return {"gdbstub", Verdict::unknown, "QEMU does not tell whether its gdbstub is in use"};
  if (*target.gdbstub_taken)
    return {"gdbstub", Verdict::problem, "QEMU's gdbstub is in use: restore, write and traps do not work",
            "end it with the monitor command `gdbserver none` if nobody needs it"};
  return {"gdbstub", Verdict::ok, "QEMU's gdbstub is free"};
}

std::vector<Check> judge_kernel(const TargetFacts& target) {
  if (target.kernel.empty())
    return {{"kernel", Verdict::unknown, target.no_kernel,
             "a guest that still boots is understood later; docs/linux.md says which kernels are"}};
  std::vector<Check> checks{{"kernel", Verdict::ok, target.kernel + ": found, with its symbols (kallsyms)"}};
  if (target.types_known)
    checks.push_back({"types", Verdict::ok, "the kernel's types are known"});
  else
    checks.push_back(
        {"types", Verdict::unknown, target.no_types, "the kernel needs CONFIG_DEBUG_INFO_BTF=y"});
  return checks;
}

Check judge_msrs(const TargetFacts& target) {
  if (!target.no_msrs)
    return {"msrs", Verdict::ok, "MSRs are read out of QEMU's own state, without stopping the guest"};
  return {"msrs", Verdict::unknown, target.no_msrs->message,
          target.no_msrs->hint.empty() ? "without them MSRs cost a stop of about 2 ms (--msrs vmstate)"
                                       : target.no_msrs->hint};
}

}  // namespace

std::vector<Check> judge_target(const TargetFacts& target, const Rights& rights) {
  if (target.no_target)
    return {{"target", Verdict::problem, target.no_target->message, target.no_target->hint}};
  if (target.snapshot_file)
    return {{"target", Verdict::ok, target.target + " is a snapshot: it needs nothing"}};
  std::vector<Check> checks{{"target", Verdict::ok, target.target}};
  if (target.not_attached) {
    checks.push_back(judge_refusal(target));
    return checks;
  }
  checks.push_back({"monitor", Verdict::ok, "the monitor answers, and is ours"});
  checks.push_back(judge_encryption(target));
  checks.push_back(judge_process(target, rights));
  checks.push_back(judge_apparmor(target));
  checks.push_back(judge_memory(target));
  checks.push_back(judge_shared_ram(target));
  checks.push_back(judge_gdbstub(target));
  for (Check& check : judge_kernel(target)) checks.push_back(std::move(check));
  checks.push_back(judge_msrs(target));
  return checks;
}

}  // namespace ringside::agent::doctor
