// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// A variable of the kernel on which its protection hangs, or that names a program which the kernel runs.
struct Setting {
  /// Which way it may change while the kernel runs; the kernel itself refuses the other.
  enum class Way : std::uint8_t {
    any,
    rises,      ///< it never falls
    ends,       ///< it keeps the number `final` once it has it
    gains_bits  ///< bits are set, none is cleared
  };
  std::string name;                    ///< of the variable: "modprobe_path"
  std::optional<std::string> text;     ///< of a string
  std::optional<std::int64_t> number;  ///< of a number
  std::string_view normal;             ///< what a kernel has that nobody changed; empty: that differs
  Way way = Way::any;
  std::optional<std::int64_t> final;      ///< see Way::ends
  std::optional<std::uint64_t> required;  ///< of a mask: bits that other objects show must be set
  std::string_view source;                ///< how it was found: "symbol" or "sysctl"
  Gva gva{0};
};
std::string_view to_string(Setting::Way way);

/// The settings that this kernel has, as far as `wanted` takes their names. Problems name those that it may
/// have and whose place it does not tell. `unavailable` while the kernel boots: then much is not set yet.
Result<Listing<Setting>> settings(Kernel& kernel, const std::function<bool(std::string_view)>& wanted);

}  // namespace ringside::guest::linux
