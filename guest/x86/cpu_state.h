// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ringside::guest::x86 {

/// A segment register with its hidden part.
struct Segment {
  std::uint16_t selector = 0;
  std::uint64_t base = 0;
  std::uint32_t limit = 0;
  std::uint32_t flags =
      0;  ///< high doubleword of the descriptor, as QEMU keeps it (attributes in bits 8..23)
  bool operator==(const Segment&) const = default;
};

/// GDTR or IDTR.
struct TableRegister {
  Gva base;
  std::uint32_t limit = 0;  ///< bytes - 1
  bool operator==(const TableRegister&) const = default;
};

/// Index into CpuState::gpr: the hardware's own numbering (Intel SDM vol. 2, table 2-2).
enum Gpr { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };

/// Model-specific registers that decide where the kernel is entered (SDM vol. 4; addresses in the comments).
struct Msrs {
  std::uint64_t star = 0;            ///< C000_0081
  std::uint64_t lstar = 0;           ///< C000_0082
  std::uint64_t cstar = 0;           ///< C000_0083
  std::uint64_t sfmask = 0;          ///< C000_0084
  std::uint64_t sysenter_cs = 0;     ///< 174
  std::uint64_t sysenter_esp = 0;    ///< 175
  std::uint64_t sysenter_eip = 0;    ///< 176
  std::uint64_t kernel_gs_base = 0;  ///< C000_0102
  bool operator==(const Msrs&) const = default;
};

/// Architectural bits that ringside looks at (SDM vol. 3A, section 2.5).
namespace cr0 {
inline constexpr std::uint64_t kPe = 1u << 0, kWp = 1u << 16, kPg = 1u << 31;
}
namespace cr4 {
inline constexpr std::uint64_t kPse = 1u << 4, kPae = 1u << 5, kPge = 1u << 7, kUmip = 1u << 11,
                               kLa57 = 1u << 12, kFsgsbase = 1u << 16, kPcide = 1u << 17, kSmep = 1u << 20,
                               kSmap = 1u << 21, kPke = 1u << 22, kCet = 1u << 23;
}
namespace efer {
inline constexpr std::uint64_t kSce = 1u << 0, kLme = 1u << 8, kLma = 1u << 10, kNxe = 1u << 11;
}

/// How linear addresses become physical ones.
enum class PagingMode { none, two_level, pae, four_level, five_level };
std::string_view to_string(PagingMode mode);  ///< "none", "2-level", "pae", "4-level", "5-level"

/// The state of one vCPU at one moment. Registers narrower than 64 bits are zero-extended.
struct CpuState {
  unsigned index = 0;
  std::array<std::uint64_t, 16> gpr{};
  std::uint64_t rip = 0, rflags = 0;
  unsigned cpl = 0;
  bool halted = false;
  Segment es, cs, ss, ds, fs, gs, ldt, tr;
  TableRegister gdt, idt;
  std::uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0, efer = 0;
  std::array<std::uint64_t, 8> dr{};  ///< 4 and 5 are always 0
  std::optional<Msrs> msrs;           ///< nullopt: not known; CpuState::msrs_unknown says why
  std::string msrs_unknown;

  bool long_mode() const { return (efer & efer::kLma) != 0; }
  /// In long mode but in a 32- or 16-bit code segment (a 32-bit program under a 64-bit kernel): CS.L is
  /// clear.
  bool compatibility_mode() const { return long_mode() && (cs.flags & (1u << 21)) == 0; }
  PagingMode paging_mode() const;
  bool operator==(const CpuState&) const = default;
};

/// The vCPUs in the text of HMP `info registers -a`, in the 32- and the 64-bit form, CRLF or LF
/// (QEMU target/i386/cpu-dump.c). MSRs stay unknown. `malformed` names the field that is missing.
/// QEMU prints 32 bits of the general registers, RIP and segment bases of a CPU in compatibility_mode(): its
/// TR, LDT, FS and GS bases are then cut (descriptor_tables.h, tss_base, gets TR's back), and 32 bits
/// of CR0 and CR4 always.
Result<std::vector<CpuState>> parse_info_registers(std::string_view text);

}  // namespace ringside::guest::x86
