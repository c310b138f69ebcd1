// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/nops.h"
#include "guest/linux/kernel.h"
#include "guest/x86/instruction.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// What a running kernel tells about the choices that it made for code while it booted: which thunks there
/// are, which functions paravirtual calls go to, what it fills room with.
class BootFacts {
 public:
  explicit BootFacts(Kernel& kernel);
  /// The one of `kernel`, made at the first call; see Kernel::memo().
  static BootFacts& of(Kernel& kernel);

  Kernel& kernel() { return *kernel_; }
  unsigned bits() const { return bits_; }

  /// Thunks through which a return may go instead (arch/x86/kernel/alternative.c, patch_return): the one that
  /// the kernel says it chose, or any there is where it does not say.
  const std::vector<std::uint64_t>& return_thunks() const { return return_thunks_; }

  /// Thunks of indirect branches, by register (arch/x86/lib/retpoline.S). `plain` is what the vendor's code
  /// calls, the others stand in for it.
  enum class Thunk : std::uint8_t { plain, counted_call, counted_jump, indirect_target };
  std::optional<std::uint8_t> register_of(std::uint64_t plain_thunk) const;
  std::optional<std::uint64_t> thunk(Thunk kind, std::uint8_t reg) const;

  /// Whether the CPU has a feature, by its number in cpuinfo_x86.x86_capability; nullopt: not known.
  std::optional<bool> has_feature(std::uint16_t number) const;

  /// Call depth is tracked (arch/x86/kernel/callthunks.c).
  bool counts_calls() const { return counts_calls_; }
  /// The kernel found itself on a machine of one CPU: lock prefixes became DS prefixes. nullopt: not known.
  std::optional<bool> uniprocessor() const { return uniprocessor_; }

  /// What a paravirtual operation may have been patched to, without the filling; `at`: of the patched
  /// instruction. Kernels up to 6.7.
  std::vector<Bytes> paravirt(std::uint8_t type, std::uint64_t at, std::size_t size);
  /// The function behind a pointer of pv_ops, if it is one of the kernel image; 0 for a null pointer.
  std::optional<std::uint64_t> operation_at(Gva slot);
  std::uint64_t bug_function() const { return bug_function_; }  ///< 0: there is none
  bool does_nothing(std::uint64_t function) const;

  /// The value of a variable of `size` bytes, for constants in code.
  std::optional<std::uint64_t> value(const std::string& variable, std::size_t size);

  /// Whether `value` makes sense for a constant whose variable is not there: that of a slab cache must be one
  /// of that name.
  bool may_be(const std::string& variable, std::uint64_t value);

  const std::vector<NopStyle>& nops() const { return nops_; }
  x86::Disassembler* disassembler();  ///< nullptr: cannot be used
  /// What optimized() has found out.
  std::map<Bytes, std::vector<Bytes>>& optimized_codes() { return optimized_codes_; }

 private:
  std::optional<std::uint64_t> symbol(std::string_view name) const;
  void take_return_thunks();
  void take_indirect_thunks();
  void take_nops();
  void take_native_operations();
  void take_features();

  Kernel* kernel_;
  unsigned bits_;
  std::vector<std::uint64_t> return_thunks_;
  std::unordered_map<std::uint64_t, std::uint8_t> registers_;
  std::array<std::array<std::uint64_t, 16>, 4> thunks_{};  ///< by Thunk and register; 0: there is none
  bool counts_calls_ = false;
  std::optional<bool> uniprocessor_;
  std::map<Bytes, std::vector<Bytes>> optimized_codes_;
  std::vector<std::uint32_t> features_;
  std::optional<std::uint64_t> pv_ops_;
  std::uint64_t bug_function_ = 0;
  std::vector<std::uint64_t> empty_functions_, identities_;
  std::map<std::uint8_t, Bytes> native_;             ///< by type of operation
  std::map<std::uint64_t, Bytes> native_functions_;  ///< by function (i386)
  std::vector<std::uint8_t> leaving_;                ///< operations that are jumped to: they do not come back
  std::map<std::string, std::optional<std::uint64_t>> values_;
  std::vector<NopStyle> nops_;
  std::optional<x86::Disassembler> disassembler_;
};

}  // namespace ringside::guest::linux
