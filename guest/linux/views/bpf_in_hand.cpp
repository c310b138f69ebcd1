// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/bpf_in_hand.h"

#include "guest/linux/views/held_on_stacks.h"

#include <array>
#include <string_view>

namespace ringside::guest::linux {

namespace {

/// kernel/bpf/core.c, kernel/bpf/trampoline.c, arch/x86/net/bpf_jit_comp.c; smaller ones are inlined into
/// these.
constexpr std::array<std::string_view, 14> kHolders = {
    "bpf_int_jit_compile",       "do_jit",
    "bpf_jit_binary_pack_alloc", "bpf_jit_binary_pack_finalize",
    "bpf_jit_binary_pack_free",  "bpf_prog_pack_alloc",
    "bpf_prog_pack_free",        "bpf_arch_text_copy",
    "bpf_arch_text_invalidate",  "bpf_jit_free",
    "bpf_tramp_image_alloc",     "bpf_tramp_image_free",
    "bpf_trampoline_update",     "__bpf_tramp_image_put_deferred"};
/// A program begins at a random place behind the start of its room (bpf_jit_binary_pack_alloc), and its code
/// is walked.
constexpr std::uint64_t kReach = kPageSize;

}  // namespace

std::optional<bool> bpf_code_in_hand(Kernel& kernel, Gva chunk) {
  return held_on_a_stack(kernel, kHolders, [&](Gva word) { return word - chunk < kReach; });
}

}  // namespace ringside::guest::linux
