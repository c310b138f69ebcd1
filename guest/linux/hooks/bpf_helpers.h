// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <vector>

namespace ringside::guest::linux {

/// Addresses of the helpers that `count` instructions of BPF at `first` call, in order, each once. After the
/// verifier an instruction holds the distance of its helper from __bpf_call_base (kernel/bpf/verifier.c,
/// do_misc_fixups). Bounded by `count`, which the caller bounds.
Result<std::vector<Gva>> bpf_helpers(Kernel& kernel, Gva first, std::uint64_t count);

}  // namespace ringside::guest::linux
