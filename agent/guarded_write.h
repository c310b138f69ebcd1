// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/outcome.h"
#include "agent/output/json.h"
#include "guest/address_space.h"
#include "guest/live/live_guest.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ringside::agent {

/// How every verb that writes to a guest is guarded: it shows what it would do and does it with --yes only;
/// with --expect only if that stands there; what it saw is compared again in the moment of writing, with the
/// guest stopped; and the audit log has it.
struct WriteGuards {
  std::string expect;
  bool yes = false;
  /// --expect and --yes.
  std::array<CLI::Option*, 2> add_to(CLI::App& verb);
};

using Writes = std::vector<guest::live::LiveGuest::PhysicalWrite>;

/// Hexadecimal bytes of the command line; `what` names them in the error.
Attempt<Bytes> parse_bytes(const std::string& text, std::string_view what);

/// The write cut at page borders, since adjacent GVAs need not be adjacent in guest RAM; with the bytes that
/// stand there now as what is expected. `space`: nullptr if `address` is guest-physical.
Attempt<Writes> plan_write(guest::Snapshot& snapshot, guest::AddressSpace* space, std::uint64_t address,
                           const Bytes& bytes);

/// Checks --expect, writes if --yes was given, and shows it. `action` is what the audit log calls it; `more`
/// is added to the JSON document.
Outcome carry_out(Context& context, guest::live::LiveGuest& live, const guest::GuestInfo& info,
                  std::string_view action, const Writes& writes, const WriteGuards& guards,
                  const Json& more = Json::object());

}  // namespace ringside::agent
