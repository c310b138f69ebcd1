// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/address.h"
#include "guest/memory/physical_memory.h"
#include "guest/x86/cpu_state.h"

#include <cstdint>
#include <vector>

namespace ringside::guest {

class Snapshot;

/// Groups of registers that a verdict can depend on. General registers change all the time; what an entry
/// policy depends on does not.
enum class RegisterGroups : unsigned {
  none = 0,
  general = 1,   ///< GPRs, RIP, RFLAGS, CPL, data segments, CR2, DRs, halted
  control = 2,   ///< CR0, CR4 without PGE, EFER
  tables = 4,    ///< GDTR, IDTR, LDTR, TR
  msrs = 8,      ///< STAR, LSTAR, CSTAR, SFMASK, SYSENTER_*
  root = 16,     ///< CR3
  swapped = 32,  ///< KERNEL_GS_BASE (changes with the running task)
  debug = 64,    ///< DR0..7
};
constexpr RegisterGroups operator|(RegisterGroups a, RegisterGroups b) {
  return static_cast<RegisterGroups>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool has(RegisterGroups set, RegisterGroups one) {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

/// What a verdict was computed from: pieces of guest-physical memory with the bytes they held, and register
/// groups. A verdict is a pure function of its read set: while the read set is unchanged, the verdict stands.
class ReadSet {
 public:
  void note(Gpa gpa, ByteView bytes);  ///< merges with what is noted already
  void note_unreadable(Gpa page);      ///< a read failed: the verdict is never reused
  void note(RegisterGroups groups);

  RegisterGroups groups() const { return groups_; }
  std::size_t bytes();   ///< noted, each counted once
  std::size_t pieces();  ///< runs of adjacent bytes

  /// Compares all of it with memory as it is now, in place or read. False if a byte differs or is gone.
  bool unchanged_in(memory::PhysicalMemory& memory);
  /// True if the bytes noted in [from, from + size) are those that [to, to + size) holds now, with the bits
  /// of each `stride` bytes masked by `mask` first. For a table that moved: a page-table root after a task
  /// switch.
  bool holds_at(Gpa from, Gpa to, std::size_t size, std::size_t stride, std::uint64_t mask,
                memory::PhysicalMemory& memory);
  /// True if the noted register groups are equal in both lists.
  bool registers_equal(const std::vector<x86::CpuState>& before, const std::vector<x86::CpuState>& now) const;

 private:
  /// A run of noted bytes: bytes_[offset, offset + size).
  struct Piece {
    Gpa gpa;
    std::size_t size = 0;
    std::size_t offset = 0;
  };
  /// What is read again in one request: pieces [first, first + count), and the gaps between those on one
  /// page.
  struct Stretch {
    Gpa gpa;
    std::size_t size = 0;
    std::size_t first = 0, count = 0;
  };
  void settle();   ///< sorts and merges pieces_
  void stretch();  ///< makes stretches_ of pieces_, and room to read them into
  std::vector<Piece> pieces_;
  Bytes bytes_;
  std::vector<Stretch> stretches_;
  std::size_t settled_bytes_ = 0;  ///< bytes_.size() after the last settle()
  bool settled_ = true;
  bool unreadable_ = false;
  RegisterGroups groups_ = RegisterGroups::none;
};

}  // namespace ringside::guest
