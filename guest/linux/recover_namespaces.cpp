// SPDX-License-Identifier: Apache-2.0
// struct nsproxy (include/linux/nsproxy.h): the namespaces of a task.
#include "guest/linux/recovery.h"

#include <algorithm>

namespace ringside::guest::linux {

void recover_namespaces(Recovery& r) {
  // Most tasks, the first three among them, are in the namespaces that the kernel started with.
  const std::uint32_t uts = r.variable("init_uts_ns"), pid = r.variable("init_pid_ns"),
                      net = r.variable("init_net");
  constexpr std::uint32_t kUts = 4, kPid = 16, kNet = 20;
  const auto is_first = [&](std::uint32_t proxy) {
    return KernelPages::is_pointer(proxy) && r.memory.word(proxy + kPid) == pid &&
           r.memory.word(proxy + kNet) == net && (uts == 0 || r.memory.word(proxy + kUts) == uts);
  };
  const auto nsproxy = only_offset(r.comm_at + 16, r.comm_at + 256, [&](std::uint32_t at) {
    return is_first(r.tasks[0].word(at)) && is_first(r.tasks[2].word(at)) &&
           std::all_of(r.tasks.begin(), r.tasks.end(), [&](const SampledTask& task) {
             return task.word(at) == 0 || KernelPages::is_pointer(task.word(at));
           });
  });
  if (pid == 0 || net == 0 || !nsproxy) {
    r.types.missing("task_struct.nsproxy and struct nsproxy");
    return;
  }
  r.add_pointer("task_struct", "nsproxy", *nsproxy);
  std::uint32_t at = kUts;
  for (const auto name : {"uts_ns", "ipc_ns", "mnt_ns", "pid_ns_for_children", "net_ns", "time_ns",
                          "time_ns_for_children", "cgroup_ns"}) {
    r.add_pointer("nsproxy", name, at);
    at += 4;
  }
}

}  // namespace ringside::guest::linux
