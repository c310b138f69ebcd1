// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/gather.h"
#include "agent/doctor/unix_sockets.h"
#include "agent/session.h"
#include "agent/target.h"
#include "guest/linux/kernel.h"
#include "guest/live/run_state.h"
#include "guest/memory/backends.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace ringside::agent::doctor {

namespace {

namespace fs = std::filesystem;

void look_for_holders(const io::Endpoint& endpoint, TargetFacts& facts) {
  if (endpoint.kind != io::Endpoint::Kind::unix_socket) return;
  const auto sockets = list_unix_sockets();
  if (!sockets) return;
  const auto owners = SocketOwners::look();
  facts.holders_known = owners.saw_all();
  for (const std::uint32_t client : clients_of(endpoint.path, *sockets))
    for (const Process& holder : owners.of(client))
      if (holder.pid != ::getpid()) facts.holders.push_back(holder);
}

std::string apparmor_of(pid_t pid) {
  for (const char* file : {"attr/apparmor/current", "attr/current"}) {
    std::string profile;
    if (std::getline(std::ifstream(fmt::format("/proc/{}/{}", pid, file)), profile))
      return profile == "unconfined" ? std::string() : profile.substr(0, profile.find('\0'));
  }
  return {};
}

QemuFacts look_at_qemu(pid_t pid, guest::live::LiveGuest& live) {
  QemuFacts qemu;
  qemu.process = describe_process(pid);
  std::error_code ours_unseen, theirs_unseen;
  const auto ours = fs::read_symlink("/proc/self/ns/user", ours_unseen);
  const auto theirs = fs::read_symlink(fmt::format("/proc/{}/ns/user", pid), theirs_unseen);
  if (!ours_unseen && !theirs_unseen) qemu.same_user_namespace = ours == theirs;
  qemu.apparmor = apparmor_of(pid);
  const auto& ranges = live.memory().map().ranges();
  const auto memory = guest::memory::open_process(live.memory().map(), pid);
  if (!memory) {
    qemu.memory = memory.error();
  } else if (!ranges.empty()) {
    std::array<std::byte, 8> bytes{};
    if (const auto read = (*memory)->read(ranges[0].start, bytes); !read) qemu.memory = read.error();
  }
  return qemu;
}

void look_at_kernel(guest::Snapshot& snapshot, TargetFacts& facts) {
  const auto kernel = guest::linux::Kernel::of(snapshot);
  if (!kernel) {
    facts.no_kernel = kernel.error().message;
    return;
  }
  facts.kernel = "Linux " + (*kernel)->identity().release;
  const auto types = (*kernel)->btf();
  facts.types_known = types.has_value();
  if (!types) facts.no_types = types.error().message;
}

void look_at_guest(Session& session, TargetFacts& facts) {
  guest::live::LiveGuest& live = *session.live();
  facts.backend = std::string(live.memory().backend());
  facts.passed_over = live.backend_notes();
  facts.encryption = live.info().encryption;
  if (const auto pid = live.qemu_pid()) facts.qemu = look_at_qemu(*pid, live);
  if (const auto use = guest::live::gdbstub_in_use(live.monitor(), {})) facts.gdbstub_taken = use->active;
  if (const auto cpus = live.read_cpus(guest::live::MsrSource::calibrated); !cpus)
    facts.no_msrs = cpus.error();
  const auto snapshot = session.snapshot(guest::live::MsrSource::none);
  if (snapshot)
    look_at_kernel(**snapshot, facts);
  else
    facts.no_kernel = snapshot.error().message;
}

}  // namespace

TargetFacts look_at_target(const Options& options) {
  TargetFacts facts;
  facts.target = options.target;
  const auto target = parse_target(options.target, options.tls);
  if (!target) {
    facts.no_target = target.error();
    return facts;
  }
  facts.snapshot_file = std::holds_alternative<SnapshotPath>(*target);
  if (facts.snapshot_file) return facts;
  auto session = Session::open(options);
  if (session) {
    look_at_guest(**session, facts);
    return facts;
  }
  facts.not_attached = session.error().error;
  if (facts.not_attached->code == Errc::monitor_busy)
    look_for_holders(std::get<io::Endpoint>(*target), facts);
  return facts;
}

}  // namespace ringside::agent::doctor
