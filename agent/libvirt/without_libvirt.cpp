// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/connect.h"
#include "agent/libvirt/monitor.h"

namespace ringside::agent {

namespace {

tl::unexpected<Error> not_built_in() {
  return fail(Errc::unsupported, "this ringside was built without libvirt",
              "build it with libvirt-dev installed, or give the guest a monitor of its own (README.md)");
}

}  // namespace

std::string libvirt_version() {
  return {};
}

namespace libvirt {
Result<std::unique_ptr<qmp::Monitor>> connect(const io::Endpoint&, qmp::ConnectOptions) {
  return not_built_in();
}
}  // namespace libvirt

Result<std::unique_ptr<GuestSource>> make_libvirt_source(LibvirtOptions) {
  return not_built_in();
}

}  // namespace ringside::agent
