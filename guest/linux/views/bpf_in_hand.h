// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <optional>

namespace ringside::guest::linux {

/// Whether a task is compiling a program of BPF to, or freeing one from, the room in a pack that begins at
/// `chunk`: it stands in the kernel's code for that with an address of that room in hand. The program's code
/// is there before the program says so (arch/x86/net/bpf_jit_comp.c, bpf_int_jit_compile), and a task that
/// gets no CPU in between stays there. nullopt: not
/// all tasks could be listed.
std::optional<bool> bpf_code_in_hand(Kernel& kernel, Gva chunk);

}  // namespace ringside::guest::linux
