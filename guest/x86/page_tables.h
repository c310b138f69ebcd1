// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/x86/cpu_state.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ringside::guest {
class Snapshot;
}

namespace ringside::guest::x86 {

/// Where translation starts and by which rules: what CR0, CR3, CR4 and EFER say (SDM vol. 3A, chapter 4).
struct PagingRoot {
  PagingMode mode = PagingMode::none;
  Gpa table;         ///< PML5, PML4, PDPT (32-byte aligned in PAE) or page directory
  bool nxe = false;  ///< EFER.NXE: bit 63 of an entry forbids execution
  bool pse = false;  ///< CR4.PSE: 4-MiB pages in 2-level paging
  bool wp = false, smep = false, smap = false;
  unsigned physical_bits = 52;  ///< MAXPHYADDR bound on table addresses
  static PagingRoot of(const CpuState& cpu);
  bool operator==(const PagingRoot&) const = default;
};

/// Rights of a mapping, combined over all levels.
struct Permissions {
  bool writable = false, user = false, executable = false;
  bool operator==(const Permissions&) const = default;
};

/// One step of a walk.
struct WalkStep {
  unsigned level = 0;       ///< 5 = PML5 ... 1 = page table
  Gpa entry_gpa;            ///< where the entry stands
  std::uint64_t entry = 0;  ///< its value
};

struct Translation {
  Gva gva;
  Gpa gpa;                      ///< of that very byte
  std::uint64_t page_size = 0;  ///< 4 KiB, 2 MiB, 4 MiB or 1 GiB
  Permissions permissions;
  bool global = false, dirty = false, accessed = false;
  std::array<WalkStep, 5> steps{};
  unsigned step_count = 0;
};

/// Why a walk ended without a page. The steps taken up to there are kept.
struct WalkFailure {
  Error
      error;  ///< not_mapped, non_canonical, not_ram (table outside RAM), malformed (reserved bits), gone ...
  std::array<WalkStep, 5> steps{};
  unsigned step_count = 0;
};

/// One run of a mapping found by enumerate(): `size` bytes, contiguous in GVA and GPA, with equal rights.
struct Mapping {
  Gva gva;
  Gpa gpa;
  std::uint64_t size = 0;
  std::uint64_t page_size = 0;
  Permissions permissions;
  bool global = false;
};

/// The guest's page tables, read through a snapshot. Pure: opens nothing, keeps nothing.
/// They are read as the CPU reads them: an entry with a reserved bit set faults and so maps nothing
/// (`malformed`). QEMU's own `gva2gpa`, `info tlb` and `info mem` look at P alone and would show such an
/// entry (target/i386/helper.c, x86_cpu_get_phys_page_attrs_debug). Bits that are reserved on some CPUs only
/// (above MAXPHYADDR, 1-GiB pages without CPUID's leave) count as allowed unless `physical_bits` says
/// otherwise.
class PageTables {
 public:
  PageTables(Snapshot& snapshot, PagingRoot root) : snapshot_(snapshot), root_(root) {}
  const PagingRoot& root() const { return root_; }

  tl::expected<Translation, WalkFailure> translate(Gva gva) const;

  /// Bounds of an enumeration. What it costs is bounded by what is asked: tables visited, not what they
  /// claim.
  struct Bounds {
    Gva first{0};                         ///< first address of interest
    Gva last{~std::uint64_t{0}};          ///< last address of interest, inclusive
    std::uint64_t max_tables = 1u << 16;  ///< table pages read before it gives up with out_of_bounds
    std::uint64_t max_mappings = 1u << 22;
  };
  struct Summary {
    std::uint64_t tables = 0, pages = 0;  ///< table pages read; leaf entries seen
    std::uint64_t unreadable_tables = 0;  ///< present entries whose table is no RAM or could not be read
    std::optional<Error> first_unreadable;
    std::uint64_t malformed_entries = 0;  ///< present entries with reserved bits set: they map nothing
  };
  /// Calls `visit` for each run in ascending GVA order; `visit` returns false to stop early. Adjacent pages
  /// of equal rights and page size that are contiguous in both spaces come as one run. A large page that
  /// overlaps the bounds comes whole. Of tables at the bounds only the entries of interest are read.
  /// `unsupported` with paging off; fails if the highest table cannot be read; a lower one that cannot is
  /// counted in the summary.
  Result<Summary> enumerate(const Bounds& bounds, const std::function<bool(const Mapping&)>& visit) const;

 private:
  Snapshot& snapshot_;
  PagingRoot root_;
};

/// True if `gva` is canonical in `mode` (SDM vol. 1, section 3.3.7.1); in 32-bit modes: below 4 GiB.
bool is_canonical(Gva gva, PagingMode mode);
/// The first address of the half of the address space that a kernel keeps for itself: 0xffff800000000000
/// (4-level), 0xff00000000000000 (5-level), 0xc0000000 (32-bit; Linux's default split).
Gva kernel_half(PagingMode mode);

}  // namespace ringside::guest::x86
