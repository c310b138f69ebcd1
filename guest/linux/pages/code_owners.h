// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/pages/kernel_mappings.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// What executable kernel memory is there for.
enum class CodeOwnerKind : std::uint8_t {
  kernel_text,
  module_text,
  module_init_text,   ///< of a module that is being loaded, or that is about to be freed
  bpf_pack,           ///< holds programs, trampolines and dispatchers, from 5.18 on
  bpf_program,        ///< with pages of its own
  bpf_image,          ///< a trampoline or dispatcher with pages of its own
  ftrace_trampoline,  ///< of one ftrace_ops
  kprobe_slots,       ///< copies of probed instructions
  optprobe_slots,     ///< detours of optimised kprobes
  real_mode,          ///< what starts other CPUs and wakes the machine up
  its_thunks,         ///< indirect branches of modules (Indirect Target Selection)
  kexec,              ///< the page that hands over to the next kernel
  hypercall,          ///< Hyper-V's hypercall page
  vsyscall,           ///< system calls of ancient programs
  filler              ///< spare memory for code, all int3
};
std::string_view to_string(CodeOwnerKind kind);

/// Code that is accounted for.
struct CodeOwner {
  CodeOwnerKind kind{};
  Gva first;
  std::uint64_t size = 0;  ///< bytes; its last page may end later
  std::string name;        ///< of the module, program, ... ; empty: the kernel itself
  Gva object{0};           ///< what stands for it in the kernel: struct module, ftrace_ops, ...

  Gva last_page() const { return page_of(first + (size - 1)); }
};

/// Most owners that are listed.
inline constexpr std::size_t kMaxCodeOwners = 1u << 17;

/// All that has code, in order of address; never size 0. Spare memory and kernels without NX aside, an
/// executable page that none of these covers is nobody's. Problems: what could not be read, which may be an
/// owner more.
Listing<CodeOwner> code_owners(Kernel& kernel);

}  // namespace ringside::guest::linux
