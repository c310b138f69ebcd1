// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/judgement.h"
#include "agent/output/format.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ringside::agent::doctor {

namespace {

Check judge_rights(const Rights& rights, const std::vector<RunningQemu>& qemus) {
  if (rights.may_trace) return {"rights", Verdict::ok, "CAP_SYS_PTRACE: QEMU's memory may be read"};
  const bool all_own = !qemus.empty() &&
                       std::all_of(qemus.begin(), qemus.end(),
                                   [&](const RunningQemu& qemu) { return qemu.process.user == rights.user; });
  // Yama 1 lets a process trace its descendants only (Documentation/admin-guide/LSM/Yama.rst).
  if (all_own && rights.yama.value_or(0) == 0)
    return {"rights", Verdict::ok,
            fmt::format("every QEMU here belongs to user {}, who may read it", rights.user)};
  return {"rights", Verdict::problem,
          fmt::format("user {} has no CAP_SYS_PTRACE{}", rights.user,
                      rights.yama.value_or(0) > 0
                          ? fmt::format(", and kernel.yama.ptrace_scope is {}", *rights.yama)
                          : ""),
          "run as root or with CAP_SYS_PTRACE, or give guests RAM in a shared memfd or file"};
}

Check judge_yama(const Rights& rights) {
  if (!rights.yama) return {"yama", Verdict::ok, "this kernel has no Yama"};
  const int scope = *rights.yama;
  if (scope >= 3)
    return {"yama", Verdict::problem,
            "kernel.yama.ptrace_scope is 3: nobody may read another process's memory",
            "only a reboot lowers it; until then guests need RAM in a shared memfd or file"};
  if (scope > 0 && !rights.may_trace)
    return {"yama", Verdict::problem,
            fmt::format("kernel.yama.ptrace_scope is {}: CAP_SYS_PTRACE is needed", scope),
            "give ringside CAP_SYS_PTRACE (the systemd unit does)"};
  return {"yama", Verdict::ok, fmt::format("kernel.yama.ptrace_scope is {}", scope)};
}

Check judge_descriptors(const Rights& rights) {
  constexpr std::uint64_t kEnough = 64;  // a guest takes some ten
  const std::uint64_t left =
      rights.descriptors > rights.descriptors_used ? rights.descriptors - rights.descriptors_used : 0;
  if (left >= kEnough) return {"descriptors", Verdict::ok, fmt::format("{} are free", left)};
  return {"descriptors", Verdict::problem, fmt::format("{} of {} are free", left, rights.descriptors),
          "raise the limit: LimitNOFILE= in the unit, ulimit -n in a shell"};
}

Check judge_libvirt(const HostFacts& host) {
  if (host.libvirt_sockets.empty()) return {"libvirt", Verdict::ok, "no libvirt daemon's socket is here"};
  const std::string sockets = fmt::format("{}", fmt::join(host.libvirt_sockets, ", "));
  if (host.libvirt_built_in.empty())
    return {"libvirt", Verdict::problem, sockets + ", but this ringside was built without libvirt",
            "build it with libvirt-dev installed, or give domains a monitor of their own"};
  return {"libvirt", Verdict::ok, fmt::format("{} ({})", sockets, host.libvirt_built_in)};
}

Check judge_qemu(const RunningQemu& qemu, const HostFacts& host) {
  const std::string who =
      fmt::format("{} (pid {}, user {})", qemu.name.empty() ? "a QEMU without a name" : qemu.name,
                  qemu.process.pid, qemu.process.user);
  std::vector<std::string> free;
  for (const std::string& monitor : qemu.monitors)
    if (std::find(qemu.held.begin(), qemu.held.end(), monitor) == qemu.held.end()) free.push_back(monitor);
  if (!free.empty())
    return {"qemu", Verdict::ok, fmt::format("{}: free monitor {}", who, fmt::join(free, ", "))};
  if (!qemu.monitors.empty())
    return {"qemu", Verdict::problem,
            fmt::format("{}: its monitor {} is held", who, fmt::join(qemu.monitors, ", ")),
            "give it a monitor of its own for ringside: -qmp unix:PATH,server=on,wait=off"};
  // libvirt hands QEMU its monitor as a descriptor.
  if (!qemu.uuid.empty() && !host.libvirt_sockets.empty() && !host.libvirt_built_in.empty())
    return {"qemu", Verdict::ok, fmt::format("{}: try libvirt:{}", who, qemu.uuid)};
  return {"qemu", Verdict::unknown, who + ": no monitor on its command line",
          "if libvirt or another manager runs it, reach it through that; else start it with -qmp"};
}

Check judge_agent(const HostFacts& host) {
  if (!host.agent) return {"agent", Verdict::ok, "the agent answers"};
  if (host.agent->code == Errc::permission)
    return {"agent", Verdict::unknown, host.agent->message, "ask as root or as a member of its group"};
  return {"agent", Verdict::problem, "the agent does not run: " + host.agent->message,
          "systemctl start ringside; single looks need no agent"};
}

}  // namespace

std::vector<Check> judge_host(const HostFacts& host) {
  std::vector<Check> checks;
  checks.push_back({"kernel", Verdict::ok, "Linux " + host.kernel});
  checks.push_back(judge_rights(host.rights, host.qemus));
  checks.push_back(judge_yama(host.rights));
  checks.push_back(judge_descriptors(host.rights));
  checks.push_back(judge_libvirt(host));
  if (host.qemus.empty())
    checks.push_back({"qemu", Verdict::unknown, "no QEMU is seen running here",
                      "in a container? it needs the host's pid namespace"});
  for (const RunningQemu& qemu : host.qemus) checks.push_back(judge_qemu(qemu, host));
  checks.push_back(judge_agent(host));
  return checks;
}

}  // namespace ringside::agent::doctor
