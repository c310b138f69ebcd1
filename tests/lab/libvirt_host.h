// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "tests/lab/process.h"

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace ringside::lab {

/// A libvirt daemon (Debian's) of the test's own: its configuration, state and sockets are in a folder, put
/// over /etc/libvirt and the like in a mount namespace, so that it neither sees nor disturbs the machine's.
/// What a container may lack is configured off in qemu.conf: security driver, cgroups, QEMU's mount
/// namespace, virtlogd. QEMU runs as a user of its own (libvirt-qemu). All of it ends with the test, however
/// that ends.
class LibvirtHost {
 public:
  /// Everything but the daemon: start_daemon(). `unavailable`: no libvirtd, not root, or no mount namespaces
  /// here.
  static Result<std::unique_ptr<LibvirtHost>> make();
  ~LibvirtHost();
  LibvirtHost(const LibvirtHost&) = delete;
  LibvirtHost& operator=(const LibvirtHost&) = delete;

  std::string uri() const { return "qemu+unix:///system?socket=" + folder_.file("sock/libvirt-sock"); }
  const TemporaryFolder& folder() const { return folder_; }
  Finished virsh(const std::vector<std::string>& arguments) const;
  /// Where libvirt finds hook scripts of the QEMU driver. One must be there when the daemon starts: it looks
  /// then.
  std::string hook_folder() const { return folder_.file("etc/hooks/qemu.d"); }

  /// Starts a domain with a kernel of the lab (TCG, 2 vCPUs, 256 MiB). `console` is its serial port's socket.
  Result<void> create_domain(const std::string& name, const std::string& uuid);
  std::string console(const std::string& name) const { return folder_.file("guest/" + name); }

  void kill_daemon();  ///< SIGKILL; its domains go on
  Result<void> start_daemon();
  std::string log() const;

 private:
  LibvirtHost() = default;
  Result<void> wait_for_socket();
  TemporaryFolder folder_;
  pid_t warden_ = -1;
};

}  // namespace ringside::lab
