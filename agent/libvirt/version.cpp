// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/connect.h"

#include <fmt/format.h>
#include <libvirt/libvirt.h>

namespace ringside::agent {

std::string libvirt_version() {
  unsigned long version = 0;
  if (virGetVersion(&version, nullptr, nullptr) != 0) return "libvirt";
  return fmt::format("libvirt {}.{}.{}", version / 1'000'000, version / 1000 % 1000, version % 1000);
}

}  // namespace ringside::agent
