// SPDX-License-Identifier: Apache-2.0
#include "agent/control_socket.h"
#include "agent/doctor/gather.h"
#include "agent/doctor/qemu_command_line.h"
#include "agent/doctor/unix_sockets.h"
#include "agent/libvirt/connect.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ringside::agent::doctor {

namespace {

namespace fs = std::filesystem;
constexpr std::size_t kCommandLineBound = 1u << 20;

bool is_socket(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

std::vector<std::string> command_line(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  std::vector<std::string> arguments;
  std::size_t size = 0;
  for (std::string argument; size < kCommandLineBound && std::getline(file, argument, '\0');) {
    size += argument.size();
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

std::vector<RunningQemu> look_for_qemus() {
  std::vector<RunningQemu> qemus;
  const auto sockets = list_unix_sockets();
  for (const pid_t pid : all_processes()) {
    const auto arguments = command_line(pid);
    if (arguments.empty() || !is_qemu(arguments[0])) continue;
    const QemuCommandLine line = read_command_line(arguments);
    RunningQemu qemu{describe_process(pid), line.name, line.uuid, line.monitors, {}};
    if (sockets)
      for (const std::string& monitor : qemu.monitors)
        if (!clients_of(monitor, *sockets).empty()) qemu.held.push_back(monitor);
    qemus.push_back(std::move(qemu));
  }
  return qemus;
}

std::optional<Error> knock_at_agent() {
  const auto path = default_control_socket();
  if (!path) return path.error();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path->size() >= sizeof address.sun_path)
    return Error{Errc::invalid_argument, *path + " is too long", {}};
  std::memcpy(address.sun_path, path->data(), path->size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool there = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int reason = errno;
  ::close(socket);
  if (there || reason == EAGAIN) return std::nullopt;  // a full backlog is a life sign too
  return Error{reason == EACCES ? Errc::permission : Errc::refused,
               fmt::format("{}: {}", *path, std::strerror(reason)),
               {}};
}

}  // namespace

Rights look_at_rights() {
  Rights rights;
  rights.user = ::geteuid();
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;)
    if (std::string mask; key == "CapEff:" && status >> mask)
      rights.may_trace = (std::strtoull(mask.c_str(), nullptr, 16) >> CAP_SYS_PTRACE & 1) != 0;
  if (int scope = 0; std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope) rights.yama = scope;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) rights.descriptors = limit.rlim_cur;
  std::error_code ignored;
  rights.descriptors_used = static_cast<std::uint64_t>(
      std::distance(fs::directory_iterator("/proc/self/fd", ignored), fs::directory_iterator{}));
  return rights;
}

HostFacts look_at_host() {
  HostFacts host;
  if (utsname name{}; ::uname(&name) == 0) host.kernel = name.release;
  host.rights = look_at_rights();
  host.libvirt_built_in = libvirt_version();
  for (const char* path : {"/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"})
    if (is_socket(path)) host.libvirt_sockets.emplace_back(path);
  host.qemus = look_for_qemus();
  host.agent = knock_at_agent();
  return host;
}

}  // namespace ringside::agent::doctor
