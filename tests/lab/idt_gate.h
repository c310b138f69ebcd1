// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace ringside::lab {

class Guest;

/// IDT gate 31 of vCPU 0, which nothing raises, in a QEMU's memory: what tests tamper with.
struct IdtGate {
  pid_t qemu = 0;
  std::uint64_t hva = 0;

  static IdtGate of(Guest& guest);
  /// Of the guest of process `qemu`, whose monitor answers HMP `hmp`. These throw std::runtime_error.
  static IdtGate find(pid_t qemu, const std::function<std::string(const std::string&)>& hmp);
  /// Flips two bytes of the handler: done twice, nothing was done.
  void flip() const;
};

}  // namespace ringside::lab
