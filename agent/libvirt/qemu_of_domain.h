// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/io/endpoint.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace ringside::agent::libvirt {

/// The process that the vCPU thread `thread` belongs to, if it runs here and was started for the domain of
/// that UUID (libvirt always gives QEMU -uuid). libvirt has no call that tells the pid; QEMU itself tells its
/// vCPUs' threads (query-cpus-fast).
std::optional<io::PeerCredentials> qemu_of(pid_t thread, const std::string& uuid);

}  // namespace ringside::agent::libvirt
