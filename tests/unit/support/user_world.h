// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/user_memory.h"
#include "guest/x86/paging_format.h"
#include "tests/unit/support/file_world.h"

#include <map>
#include <string>
#include <vector>

namespace ringside::testing {

inline constexpr std::uint64_t kUserPage =
    guest::x86::pte::kPresent | guest::x86::pte::kWritable | guest::x86::pte::kUser;

/// A process of FileWorld with page tables of its own.
struct UserWorld : FileWorld {
  UserWorld() {
    kernel.mutable_identity().root.mode = guest::x86::PagingMode::four_level;
    kernel.mutable_identity().root.nxe = true;
    top = table();
  }
  guest::Gva mm_with(const std::vector<guest::Gva>& areas) {
    const guest::Gva made = mm(areas);
    kernel.put_pointer(made + Mm::pgd, top.value);
    return made;
  }
  guest::Gva table() {
    return guest::Gva{(kernel.allocate(2 * guest::kPageSize).value + guest::kPageSize - 1) &
                      ~(guest::kPageSize - 1)};
  }
  /// Writes the entry of `level` for `gva`; tables above it are made.
  void set(guest::Gva gva, std::uint64_t entry, unsigned level = 1) {
    guest::Gva at = top;
    for (unsigned above = 4; above > level; --above) {
      const guest::Gva place = at + ((gva.value >> (12 + 9 * (above - 1))) & 511) * 8;
      auto [next, fresh] = tables_.try_emplace(place.value);
      if (fresh) next->second = table();
      kernel.put(place, next->second.value | kUserPage);
      at = next->second;
    }
    kernel.put(at + ((gva.value >> (12 + 9 * (level - 1))) & 511) * 8, entry);
  }
  guest::linux::UserPage look(guest::Gva gva) {
    return guest::linux::ProcessMemory::of(kernel, process)->page(gva).value();
  }
  Result<std::string> text(guest::Gva gva, std::size_t size) {
    std::string into(size, '?');
    RINGSIDE_TRY(auto memory, guest::linux::ProcessMemory::of(kernel, process));
    RINGSIDE_CHECK(memory.read(gva, std::as_writable_bytes(std::span(into))));
    return into;
  }

  guest::Gva top, process{0};

 private:
  std::map<std::uint64_t, guest::Gva> tables_;
};

}  // namespace ringside::testing
