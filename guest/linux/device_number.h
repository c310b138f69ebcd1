// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/linux_macro.h"

#include <cstdint>
#include <string>

namespace ringside::guest::linux {

/// The kernel's dev_t (include/linux/kdev_t.h).
struct DeviceNumber {
  unsigned major = 0, minor = 0;
  static DeviceNumber of(std::uint64_t dev) {
    return {static_cast<unsigned>((dev >> 20) & 0xfff), static_cast<unsigned>(dev & 0xfffff)};
  }
  bool operator==(const DeviceNumber&) const = default;
};

/// "8:1"
inline std::string to_string(DeviceNumber device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

}  // namespace ringside::guest::linux
