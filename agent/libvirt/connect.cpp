// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/connect.h"

#include "agent/libvirt/monitor.h"

#include <utility>

namespace ringside::agent {

namespace {
/// A daemon that is restarted takes seconds; a frozen guest must not stay so because of it.
constexpr std::chrono::seconds kLibvirtPatience{20};
}  // namespace

Result<std::unique_ptr<qmp::Monitor>> connect_monitor(io::EventLoop& loop, const io::Endpoint& endpoint,
                                                      qmp::ConnectOptions options) {
  if (endpoint.kind == io::Endpoint::Kind::libvirt) return libvirt::connect(endpoint, options);
  return qmp::connect(loop, endpoint, options);
}

guest::live::Connectors connectors(io::EventLoop& loop, qmp::ConnectOptions options) {
  guest::live::Connectors all = guest::live::connectors_on(loop, options);
  all.monitor = [&loop, options](const io::Endpoint& endpoint) {
    return connect_monitor(loop, endpoint, options);
  };
  return all;
}

guest::live::AttachOptions attach_options(io::EventLoop& loop, io::Endpoint endpoint,
                                          qmp::ConnectOptions options) {
  guest::live::AttachOptions attach;
  attach.connect = options;
  if (endpoint.kind == io::Endpoint::Kind::libvirt) {
    attach.connectors = connectors(loop, options);
    attach.connectors->patience = kLibvirtPatience;
  }
  attach.endpoint = std::move(endpoint);
  return attach;
}

}  // namespace ringside::agent
