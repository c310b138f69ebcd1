// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What the doctor looks at, apart from what it makes of it.
namespace ringside::agent::doctor {

struct Process {
  pid_t pid = 0;
  uid_t user = 0;
  std::string command;  ///< as /proc/PID/comm has it
};

/// Who ringside is on this host.
struct Rights {
  uid_t user = 0;
  bool may_trace = false;         ///< CAP_SYS_PTRACE is effective
  std::optional<int> yama;        ///< kernel.yama.ptrace_scope; nullopt: this kernel has no Yama
  std::uint64_t descriptors = 0;  ///< soft limit
  std::uint64_t descriptors_used = 0;
};

/// One QEMU that runs here.
struct RunningQemu {
  Process process;
  std::string name, uuid;             ///< of its command line; empty: none there
  std::vector<std::string> monitors;  ///< QMP sockets of its command line
  std::vector<std::string> held;      ///< those of them that a client is connected to
};

struct HostFacts {
  std::string kernel;  ///< uname -r
  Rights rights;
  std::string libvirt_built_in;              ///< libvirt_version()
  std::vector<std::string> libvirt_sockets;  ///< of libvirt's daemons, that exist
  std::vector<RunningQemu> qemus;
  std::optional<Error> agent;  ///< why the agent's control socket does not answer
};

/// A QEMU process as far as /proc shows it.
struct QemuFacts {
  Process process;
  std::optional<bool> same_user_namespace;  ///< nullopt: not to be seen
  std::string apparmor;         ///< its profile and mode; empty: unconfined, no AppArmor, or unseen
  std::optional<Error> memory;  ///< why its memory cannot be read; nullopt: it can
};

struct TargetFacts {
  std::string target;
  std::optional<Error> no_target;  ///< it names nothing that could be attached to
  bool snapshot_file = false;
  std::optional<Error> not_attached;
  std::vector<Process> holders;  ///< of a busy monitor
  bool holders_known = false;    ///< the kernel told, and all of them were seen
  // Of an attached guest:
  std::string backend;
  std::vector<std::string> passed_over;  ///< "mapped: why", best first
  std::string encryption;
  std::optional<QemuFacts> qemu;      ///< nullopt: out of sight
  std::optional<bool> gdbstub_taken;  ///< nullopt: could not be asked
  std::string kernel;                 ///< "Linux 6.1..."; empty: see no_kernel
  std::string no_kernel;
  bool types_known = false;  ///< BTF, or recovered
  std::string no_types;
  std::optional<Error> no_msrs;
};

}  // namespace ringside::agent::doctor
