// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/io/event_loop.h"
#include "guest/live/live_guest.h"
#include "tests/lab/guest.h"

#include <memory>
#include <string>

namespace ringside::lab {

/// ringside attached to a lab guest by its own monitor, with its state in the guest's scratch folder.
struct Attached {
  io::EventLoop loop;
  std::unique_ptr<guest::live::LiveGuest> live;
};

inline Result<std::unique_ptr<Attached>> attach(
    const Guest& guest, guest::live::Backend backend = guest::live::Backend::automatic) {
  auto attached = std::make_unique<Attached>();
  guest::live::AttachOptions options;
  RINGSIDE_TRY(options.endpoint, io::parse_endpoint(guest.monitor_socket()));
  options.backend = backend;
  options.state_directory = guest.folder().file("state");
  RINGSIDE_TRY(attached->live, guest::live::LiveGuest::attach(attached->loop, std::move(options)));
  return attached;
}

}  // namespace ringside::lab
