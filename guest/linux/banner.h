// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// What linux_banner says (init/version.c): "Linux version RELEASE (WHO) (COMPILER) VERSION".
struct Banner {
  std::string text;  ///< without the newline
  std::string release;
  unsigned major = 0, minor = 0;
  /// VERSION starts with the build's number, "#1 SMP ...". An image may also hold the banner of its link's
  /// first pass, which has none yet (the weak one of init/version.c).
  bool numbered = false;
};

/// `malformed` unless it is a banner of printable ASCII, at most 512 bytes long, with a release that starts
/// with two numbers. Text after the first NUL or newline is left out.
Result<Banner> parse_banner(std::string_view text);

}  // namespace ringside::guest::linux
