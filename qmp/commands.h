// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "qmp/monitor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The QMP commands that ringside uses, typed. Names and fields: QEMU qapi/*.json.
namespace ringside::qmp {

struct Nothing {};

struct RunStatus {
  bool running = false;
  std::string status;  ///< "running", "paused", "internal-error", "prelaunch", ...
};
struct Version {
  int major = 0, minor = 0, micro = 0;
  std::string package;
};
struct VcpuInfo {
  unsigned index = 0;
  std::string qom_path;
  pid_t thread_id = 0;  ///< host thread
};
/// One memory backend object (query-memdev).
struct MemoryBackend {
  std::string id;  ///< QOM id; empty for the anonymous default of a machine
  std::uint64_t size = 0;
  bool share = false;
};
struct FdSet {
  int fdset_id = 0;
  int fd = 0;  ///< number inside QEMU
};

Command<RunStatus> query_status();
Command<Version> query_version();
Command<std::vector<std::string>> query_commands();
Command<std::vector<VcpuInfo>> query_cpus_fast();
Command<std::vector<MemoryBackend>> query_memdev();
Command<std::string> query_name();
Command<std::string> query_uuid();
/// Whether KVM is present and enabled.
struct KvmInfo {
  bool present = false, enabled = false;
};
Command<KvmInfo> query_kvm();
/// What the program emulates: "x86_64", "i386", ...
Command<std::string> query_target();
/// Types of the properties of the QOM object at `path`: "child<sev-guest>".
Command<std::vector<std::string>> qom_list_types(std::string_view path);
Command<Json> qom_get(std::string_view path, std::string_view property);
Command<Nothing> stop();
Command<Nothing> cont();
/// Writes guest-physical memory to a file on QEMU's side.
Command<Nothing> pmemsave(std::uint64_t gpa, std::uint64_t size, std::string_view filename);
/// HMP text; lines end in CRLF. `cpu` selects the vCPU for commands that look at one.
Command<std::string> human_monitor_command(std::string_view line, std::optional<unsigned> cpu = {});
/// Device state without RAM. Always live:false: the default would inactivate the guest's disks when it is
/// paused already (QEMU migration/savevm.c, qmp_xen_save_devices_state).
Command<Nothing> xen_save_devices_state(std::string_view filename);
/// Adds CallOptions::descriptor to a new fd set; `/dev/fdset/ID` then names it.
Command<FdSet> add_fd(std::string_view opaque);
Command<Nothing> remove_fd(int fdset_id);
/// Hands CallOptions::descriptor over under a name.
Command<Nothing> getfd(std::string_view name);
Command<Nothing> closefd(std::string_view name);

}  // namespace ringside::qmp
