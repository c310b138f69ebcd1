// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/linux/linux_macro.h"

#include <string>

namespace ringside::guest::linux {

/// "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1": an address of 4 or 16 bytes in network order; empty for
/// another length.
std::string ip_text(ByteView address);
/// "52:54:00:12:34:56"; empty for no bytes.
std::string hardware_address_text(ByteView address);

}  // namespace ringside::guest::linux
