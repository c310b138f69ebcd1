// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/doctor/facts.h"
#include "base/error.h"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ringside::agent::doctor {

/// One Unix socket of this network namespace, as the kernel's sock_diag tells it (sock_diag(7)).
struct UnixSocket {
  std::uint32_t inode = 0;  ///< the N of "socket:[N]" in /proc/PID/fd
  std::uint32_t peer = 0;   ///< inode of the other end; 0: none
  bool listening = false;
  std::uint32_t file_inode = 0, file_device = 0;  ///< of the socket file that it is bound to; 0: none
};
/// `unsupported` where the kernel lacks unix_diag.
Result<std::vector<UnixSocket>> list_unix_sockets();

/// Which processes hold which sockets, of those processes whose descriptors may be seen.
class SocketOwners {
 public:
  static SocketOwners look();
  std::vector<Process> of(std::uint32_t inode) const;
  bool saw_all() const { return saw_all_; }

 private:
  std::multimap<std::uint32_t, Process> owners_;
  bool saw_all_ = true;
};

/// The sockets whose other end was accepted from the listener on `path`: its clients.
std::vector<std::uint32_t> clients_of(const std::string& path, const std::vector<UnixSocket>& sockets);

/// As /proc shows it; command "?" where it does not.
Process describe_process(pid_t pid);
/// The numeric entries of /proc.
std::vector<pid_t> all_processes();

}  // namespace ringside::agent::doctor
