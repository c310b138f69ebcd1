// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/kernel.h"
#include "guest/linux/process_maps.h"
#include "guest/x86/page_tables.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// What stands behind a user page.
enum class UserPageState : std::uint8_t {
  mapped,      ///< in memory, and the CPU can reach it
  no_access,   ///< in memory, behind an entry that faults: PROT_NONE, or a NUMA hint
  page_cache,  ///< a file's page that is in memory, but not in these page tables yet
  swapped,     ///< in swap space
  migrating,   ///< the entry holds a migration, poison or marker entry: no content behind it now
  untouched,   ///< anonymous memory that was never written or read: zeroes at the first touch
  not_loaded,  ///< a file's page that is not in memory
  unmapped,    ///< no area of the process holds this address
  unknown,     ///< an empty entry, and the process's areas could not be read
};
std::string_view to_string(UserPageState state);

struct UserPage {
  Gva gva;                 ///< first byte of the page
  std::uint64_t size = 0;  ///< 4 KiB, 2 MiB, 4 MiB, 1 GiB
  UserPageState state = UserPageState::unknown;
  Gpa gpa;                                       ///< of `gva`, where the content is in memory
  x86::Permissions permissions;                  ///< `mapped` only
  std::uint64_t entry = 0;                       ///< the page-table entry that decided
  std::uint64_t swap_area = 0, swap_offset = 0;  ///< `swapped`: number of the swap area, page in it
};

/// The user memory of one process, through its own page tables (mm.pgd). Huge pages are followed. Pages that
/// are in memory behind an entry that faults (PROT_NONE, NUMA hints) or only in a file's page cache are read,
/// as a fault would bring them; what is not in memory is an error that says why.
class ProcessMemory {
 public:
  /// `mm`: struct mm_struct. `not_found` for mm 0 (a kernel thread). `kernel` must outlive it.
  static Result<ProcessMemory> of(Kernel& kernel, Gva mm);

  /// All of `into`, or an error that names the first page that could not be read, and why: `not_mapped` (no
  /// area there, or never touched), `unavailable` (swapped out, not loaded from its file, being migrated),
  /// `non_canonical` (no user address).
  Result<void> read(Gva gva, std::span<std::byte> into);
  template <class T>
  Result<T> read(Gva gva) {
    T value{};
    RINGSIDE_CHECK(read(gva, std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }
  /// As many bytes from `gva` on as are in memory, at most `max`; an error only if the first is not.
  Result<Bytes> read_some(Gva gva, std::size_t max);
  /// The page that holds `gva`. Errors only for what cannot be read at all: a table that is no RAM, an
  /// address outside the user half.
  Result<UserPage> page(Gva gva);

  Gva mm() const { return mm_; }
  const x86::PagingRoot& root() const { return root_; }

 private:
  ProcessMemory(Kernel& kernel, Gva mm, x86::PagingRoot root) : kernel_(&kernel), mm_(mm), root_(root) {}
  void classify_empty(UserPage& page);

  Kernel* kernel_;
  Gva mm_;
  x86::PagingRoot root_;
  std::optional<Result<Listing<MemoryArea>>> areas_;  ///< read when an empty entry asks for them
};

}  // namespace ringside::guest::linux
