// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/qemu_of_domain.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

namespace ringside::agent::libvirt {

std::optional<io::PeerCredentials> qemu_of(pid_t thread, const std::string& uuid) {
  if (thread <= 0) return std::nullopt;
  std::ifstream command_line(fmt::format("/proc/{}/cmdline", thread), std::ios::binary);
  const std::string arguments(std::istreambuf_iterator<char>(command_line), {});
  if (arguments.find(std::string("\0-uuid\0", 7) + uuid + '\0') == std::string::npos) return std::nullopt;
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  io::PeerCredentials qemu;
  std::string key;
  while (status >> key) {
    unsigned real = 0, effective = 0;
    if (key == "Tgid:") status >> qemu.pid;
    if (key == "Uid:" && status >> real >> effective) qemu.uid = effective;
    if (key == "Gid:" && status >> real >> effective) {
      qemu.gid = effective;
      break;
    }
  }
  return qemu.pid > 0 ? std::optional(qemu) : std::nullopt;
}

}  // namespace ringside::agent::libvirt
