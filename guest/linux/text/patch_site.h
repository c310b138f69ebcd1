// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/address.h"
#include "guest/linux/linux_macro.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace ringside::guest::linux {

/// Why the kernel changes a place of its own code while it runs.
enum class SiteKind : std::uint8_t {
  jump_label,              ///< a branch of a static key
  static_call,             ///< a call that was made direct
  static_call_trampoline,  ///< the jump to the same target, for callers that are not patched
  ftrace,                  ///< the entry of a function that may be traced
  ftrace_label,            ///< the call inside of ftrace's own entry code
  kprobe,                  ///< a breakpoint, or the jump that replaces it
  lock_prefix,             ///< a LOCK prefix that one CPU alone does not need
  bpf_dispatcher,          ///< the entry of a dispatcher of BPF programs (5.10)
  kgdb_breakpoint,         ///< a breakpoint of the kernel's own debugger
};
std::string_view to_string(SiteKind kind);

/// A few bytes of code.
struct CodeBytes {
  static constexpr std::size_t kMax = 8;
  std::array<std::byte, kMax> bytes{};
  std::uint8_t size = 0;

  CodeBytes() = default;
  CodeBytes(std::initializer_list<unsigned> values);
  /// The first kMax of `from`.
  explicit CodeBytes(ByteView from);
  void append(ByteView more);
  ByteView view() const { return std::span(bytes).first(size); }
  bool operator==(const CodeBytes&) const = default;
};

/// E8 (call), E9 (jump): `opcode` and a 32-bit displacement from the instruction at `at` to `to`; with two
/// bytes of opcode (0F 8x) too. nullopt: out of reach.
std::optional<CodeBytes> near_branch(CodeBytes opcode, Gva at, Gva to, unsigned bits);
/// EB: a jump with an 8-bit displacement.
std::optional<CodeBytes> short_jump(Gva at, Gva to);

/// A place that the kernel patches, with what it must hold now by the kernel's own state.
struct PatchSite {
  static constexpr std::size_t kMaxExpected = 4;

  Gva first;
  Gva state;                 ///< what decides: the key, the probe, ...; 0: nothing with an address
  std::uint32_t region = 0;  ///< of KernelText::regions()
  SiteKind kind{};
  std::uint8_t count = 0;                                ///< of expected_bytes
  std::array<CodeBytes, kMaxExpected> expected_bytes{};  ///< any of these
  CodeBytes original;  ///< what stood there before, where the kernel keeps it (probes)

  /// One more encoding that it may hold; one that cannot be made (nullopt) or is known is left out.
  void expect(const std::optional<CodeBytes>& bytes);
  std::span<const CodeBytes> expected() const { return std::span(expected_bytes).first(count); }
  /// Bytes of the longest.
  std::size_t size() const;
  /// Which of them `actual`, which begins at the site, begins with; nullptr: none.
  const CodeBytes* match(ByteView actual) const;
};

}  // namespace ringside::guest::linux
