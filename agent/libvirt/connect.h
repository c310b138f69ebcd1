// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/sources/guest_source.h"
#include "base/error.h"
#include "base/io/endpoint.h"
#include "guest/live/connectors.h"
#include "guest/live/live_guest.h"
#include "qmp/monitor.h"

#include <map>
#include <memory>
#include <string>

/// All that the rest of the program sees of libvirt. Without it at build time (CMake option RINGSIDE_LIBVIRT)
/// everything here says `unsupported`.
namespace ringside::agent {

/// "libvirt 9.0.0", or empty: not built in.
std::string libvirt_version();

/// qmp::connect() for every kind of endpoint, those of libvirt included. `loop` must outlive the monitor.
Result<std::unique_ptr<qmp::Monitor>> connect_monitor(io::EventLoop& loop, const io::Endpoint& endpoint,
                                                      qmp::ConnectOptions options = {});

/// guest::live::connectors_on() for every kind of endpoint: for the freeze journal.
guest::live::Connectors connectors(io::EventLoop& loop, qmp::ConnectOptions options = {});

/// What to attach with, for every kind of endpoint. The state directory is still to be set.
guest::live::AttachOptions attach_options(io::EventLoop& loop, io::Endpoint endpoint,
                                          qmp::ConnectOptions options = {});

struct LibvirtOptions {
  std::string uri;  ///< empty: see resolve_uri()
  std::map<std::string, std::string> labels;
};
/// The running domains of one libvirt connection. It stays connected: while libvirt is away it tells `failed`
/// once and its guests remain; what has ended meanwhile is told when libvirt is back.
Result<std::unique_ptr<GuestSource>> make_libvirt_source(LibvirtOptions options);

}  // namespace ringside::agent
