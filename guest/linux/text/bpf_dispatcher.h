// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <optional>

namespace ringside::guest::linux {

/// A function of the kernel whose entry BPF makes a jump to a dispatcher of programs.
struct BpfDispatcherEntry {
  Gva site;                   ///< bpf_dispatcher.func
  Gva object;                 ///< the struct bpf_dispatcher
  std::optional<Gva> target;  ///< where it must jump; nullopt: no programs, no jump
};

/// That of XDP in kernels that patch its entry (kernel/bpf/dispatcher.c of 5.10; later ones use a static
/// call).
std::optional<BpfDispatcherEntry> bpf_dispatcher_entry(Kernel& kernel);

}  // namespace ringside::guest::linux
