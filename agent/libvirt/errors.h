// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes libvirt: only files of this folder include this.

#include "base/error.h"

#include <libvirt/libvirt.h>

#include <memory>
#include <string>

namespace ringside::agent::libvirt {

struct CloseDomain {
  void operator()(virDomainPtr domain) const { virDomainFree(domain); }
};
using DomainHandle = std::unique_ptr<virDomain, CloseDomain>;
struct CloseConnect {
  void operator()(virConnectPtr connect) const { virConnectClose(connect); }
};
using ConnectHandle = std::unique_ptr<virConnect, CloseConnect>;

/// This thread's last error of libvirt: "`what`: `libvirt's words`".
Error last_error(const std::string& what);

}  // namespace ringside::agent::libvirt
