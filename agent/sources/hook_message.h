// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace ringside::agent {

/// Longest datagram that the hook sends.
inline constexpr std::size_t kHookMessageBound = 4096;

/// What libvirt told its hook (https://libvirt.org/hooks.html, /etc/libvirt/hooks/qemu).
struct HookMessage {
  std::string operation;     ///< "started", "stopped", ...
  std::string suboperation;  ///< "begin", "end"
  std::string name;          ///< of the domain
  std::string uuid;          ///< lower case, with dashes
  std::string extra;         ///< the reason of "release" since libvirt 10.5, else "-"
};

/// One JSON object: {"version":1,"operation":...,"suboperation":...,"name":...,"uuid":...,"extra":...}.
/// Errors: `oversized`, `malformed`.
Result<HookMessage> parse_hook_message(std::string_view datagram);

/// Whether `text` is written as libvirt writes a UUID: 8-4-4-4-12 lower-case hexadecimal digits.
bool is_uuid(std::string_view text);

}  // namespace ringside::agent
