// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// What a trampoline of ftrace is a copy of: [ftrace_caller, ftrace_caller_end), or the same with registers
/// saved (arch/x86/kernel/ftrace_64.S).
struct TrampolineOriginal {
  Gva start;
  Bytes code;
  std::uint64_t call = 0;             ///< offset of `call ftrace_stub`
  std::uint64_t op = 0;               ///< offset of `movq function_trace_op(%rip), %rdx`
  std::optional<std::uint64_t> jump;  ///< offset of the short jump that copies do not have
};
/// `not_found` where this kernel has no such copies.
Result<TrampolineOriginal> trampoline_original(Kernel& kernel, bool saves_registers);

/// Who may be called or jumped to from a trampoline.
struct TrampolineTargets {
  std::function<bool(Gva)> is_code;          ///< may be what an ftrace_ops calls
  std::function<bool(Gva)> is_return_thunk;  ///< may end a function
};

/// Compares a trampoline, `bytes` at `at`, with its original, byte for byte, but for the patches that the
/// kernel makes (arch/x86/kernel/ftrace.c, create_trampoline). nullopt: nothing else differs.
std::optional<std::string> wrong_in_trampoline(ByteView bytes, Gva at, const TrampolineOriginal& original,
                                               const TrampolineTargets& targets);

/// The ftrace_ops that the last 8 bytes of a trampoline name; 0 if it is too short for that.
Gva trampoline_owner(ByteView bytes);

/// The same with what `kernel` says: which original it is, and which targets are code. Errors: what could not
/// be read.
Result<std::optional<std::string>> check_ftrace_trampoline(Kernel& kernel, ByteView bytes, Gva at);

}  // namespace ringside::guest::linux
