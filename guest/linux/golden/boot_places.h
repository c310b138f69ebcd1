// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// What the kernel decides once, while it boots or loads a module, about a place in code. Each kind has a
/// table in the vendor's file that is freed afterwards (arch/x86/kernel/alternative.c).
enum class BootPatch : std::uint8_t {
  alternative,       ///< .altinstructions
  paravirt,          ///< .parainstructions (up to 6.7)
  retpoline,         ///< .retpoline_sites: a call or jump through an indirect thunk
  return_thunk,      ///< .return_sites
  call,              ///< .call_sites (from 6.2): call depth tracking
  endbr,             ///< .ibt_endbr_seal (from 5.18): entry that nothing jumps to
  lock,              ///< .smp_locks
  runtime_constant,  ///< runtime_ptr_*, runtime_shift_* (from 6.11)
};
/// "alternatives", "paravirtual calls", ...: for explained_by.
std::string_view to_string(BootPatch patch);

/// One such place. Addresses are those of the file (a kernel) or of the guest (a module).
struct BootPlace {
  std::uint64_t first = 0;
  std::uint32_t index = 0;  ///< alternative: into alternatives(); runtime constant: into constants()
  std::uint16_t size = 0;   ///< bytes
  BootPatch patch{};
  std::uint8_t type = 0;  ///< paravirt: number of the operation
  std::uint64_t end() const { return first + size; }
};

/// struct alt_instr (arch/x86/include/asm/alternative.h).
struct Alternative {
  std::uint64_t instruction = 0, replacement = 0;
  std::uint8_t size = 0, replacement_size = 0;
  bool direct_call = false;   ///< ALT_FLAG_DIRECT_CALL (from 6.8): its target is read out of pv_ops
  bool inverted = false;      ///< ALT_FLAG_NOT: it is for CPUs without the feature
  std::uint16_t feature = 0;  ///< of the CPU that it is for: a bit of cpuinfo_x86.x86_capability
};

/// A value that stands in instructions (arch/x86/include/asm/runtime-const.h).
struct RuntimeConstant {
  std::string variable;  ///< whose value it is
  bool shift = false;    ///< one byte; otherwise eight
};

/// All such places of a kernel or module, by address. Alternatives that patch the same instruction make one
/// place.
class BootPlaces {
 public:
  /// Bytes of the file's code at an address; false if there are none.
  using Code = std::function<bool(std::uint64_t, std::span<std::byte>)>;

  explicit BootPlaces(unsigned bits) : bits_(bits) {}

  /// Adds what the section `name` lists, which stands at `address`; other sections are ignored. Errors:
  /// `malformed`, `oversized`.
  Result<void> add_table(std::string_view name, std::uint64_t address, ByteView table, const Code& code);
  /// To be called once, after all tables.
  void finish();

  const std::vector<BootPlace>& places() const { return places_; }
  const std::vector<RuntimeConstant>& constants() const { return constants_; }
  /// Of the place with `index`, in the order in which the kernel goes through them.
  std::span<const Alternative> alternatives(std::uint32_t index) const;
  /// The place that decides about the byte at `address`: of several the alternative, else the largest.
  const BootPlace* at(std::uint64_t address) const;
  /// Those that start at `first` or above.
  std::span<const BootPlace> from(std::uint64_t first) const;

  /// True for a section that add_table() reads.
  static bool is_table(std::string_view name);

  static constexpr std::size_t kMaxPlaces = std::size_t{1} << 22;

 private:
  Result<void> add_alternatives(std::uint64_t address, ByteView table, const Code& code);
  Result<void> add_paravirt(ByteView table);
  void add_sites(std::uint64_t address, ByteView table, BootPatch patch, std::uint32_t index,
                 const Code& code);
  std::uint64_t resolve(std::uint64_t at, std::uint32_t relative) const;

  unsigned bits_;
  std::vector<BootPlace> places_;
  std::vector<Alternative> alternatives_;
  std::vector<std::uint32_t> alternative_counts_;  ///< of the group that starts at that index
  std::vector<RuntimeConstant> constants_;
};

}  // namespace ringside::guest::linux
