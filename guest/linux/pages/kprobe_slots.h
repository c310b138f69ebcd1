// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/pages/kernel_mappings.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// An instruction that a kprobe replaced, and that is executed elsewhere.
struct ProbedInstruction {
  Gva at;       ///< where it belongs
  Bytes bytes;  ///< as it was there
  /// As it was there by what is kept beside a kprobe whose detour is written, or waits to be (for seconds,
  /// until no task stands in what it covers); then `bytes` are what stands there now, and either may be the
  /// instruction. Else empty.
  Bytes kept;
  bool boosted = false;     ///< its copy jumps back by itself
  bool may_end_so = false;  ///< without a jump or int3 behind it (single-stepped, before 5.13)
};

/// Compares a slot, `bytes` at `slot`, with the instruction that it should be a copy of
/// (arch/x86/kernel/kprobes/core.c, arch_copy_kprobe). nullopt: it is.
std::optional<std::string> wrong_in_slot(ByteView bytes, Gva slot, const ProbedInstruction& original);

/// Compares all slots in use of the page at `page` with the kprobes that have them. `unused` is set where
/// slots that are free now hold something: old copies, which cannot be compared. Errors: what could not be
/// read.
Result<std::optional<std::string>> check_kprobe_slots(Kernel& kernel, const KernelMappings& mappings,
                                                      Gva page, bool& unused);

}  // namespace ringside::guest::linux
