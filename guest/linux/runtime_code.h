// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <string>

namespace ringside::guest::linux {

/// A piece of code that the kernel made while it runs, and that it gives a name in /proc/kallsyms.
struct RuntimeCode {
  enum class Kind : std::uint8_t {
    bpf,                ///< a program, trampoline or dispatcher (kernel/bpf/core.c, bpf_kallsyms)
    ftrace_trampoline,  ///< of one ftrace_ops (kernel/trace/ftrace.c, ftrace_ops_trampoline_list)
    kprobe              ///< a page of slots for probed instructions (kernel/kprobes.c, kprobe_insn_cache)
  };
  Kind kind{};
  Gva first;
  std::uint64_t size = 0;
  std::string name;    ///< "bpf_prog_6deef7357e7b4530"
  std::string module;  ///< that /proc/kallsyms names: "bpf", "__builtin__ftrace", "__builtin__kprobes"
};

/// Most pieces that a walk takes.
inline constexpr std::uint64_t kMaxRuntimeCode = 1u << 16;

/// What is there now, in the order of /proc/kallsyms: ftrace, bpf, kprobes. Programs of classic BPF (socket
/// filters, seccomp) are code too, but the kernel keeps no list of them. What a kernel was built without is
/// no problem.
Listing<RuntimeCode> runtime_code(Kernel& kernel);

}  // namespace ringside::guest::linux
