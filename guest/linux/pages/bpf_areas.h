// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

namespace ringside::guest::linux {

/// The areas of vmalloc that hold a struct bpf_prog: those that bpf_prog_alloc_no_stats(), bpf_prog_realloc()
/// or bpf_prog_clone_create() asked for (kernel/bpf/core.c), by vm_struct.caller. Every program stands at the
/// start of one, whether it is listed anywhere or not. An error means that nothing could be said.
Result<Listing<Gva>> bpf_program_areas(Kernel& kernel);

}  // namespace ringside::guest::linux
