// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/user_memory.h"

#include "guest/linux/page_cache.h"
#include "guest/linux/page_entries.h"
#include "guest/x86/paging_format.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

// VM_PFNMAP, VM_IO, VM_HUGETLB, VM_MIXEDMAP (include/linux/mm.h): pages that no page cache holds, or not in
// units of 4 KiB.
constexpr std::uint64_t kSpecialAreas = 0x400 | 0x4000 | 0x400000 | 0x10000000;
// Swap types at and above MAX_SWAPFILES (include/linux/swap.h) are no swap areas. 23 is the lowest that a
// configuration gives.
constexpr std::uint64_t kMaxSwapAreas = 23;

std::uint64_t swap_areas(Kernel& kernel) {
  const auto count = kernel.find_symbol("nr_swapfiles");
  if (!count) return kMaxSwapAreas;
  const auto read = kernel.read<std::uint32_t>(*count);
  return read ? std::min<std::uint64_t>(*read, kMaxSwapAreas) : kMaxSwapAreas;
}

std::string why_unreadable(const UserPage& page) {
  switch (page.state) {
    case UserPageState::swapped:
      return "is swapped out (swap area " + std::to_string(page.swap_area) + ", page " +
             std::to_string(page.swap_offset) + ")";
    case UserPageState::migrating:
      return "is being moved, or marked as broken: its entry is " + hex_address(page.entry);
    case UserPageState::untouched:
      return "was never touched: it has no content yet and would read as zeroes";
    case UserPageState::not_loaded:
      return "is a file's page that is not in memory";
    case UserPageState::unmapped:
      return "is not mapped: no memory area of the process holds it";
    case UserPageState::unknown:
      return "is not in the page tables, and the process's memory areas could not be read";
    case UserPageState::mapped:
    case UserPageState::no_access:
    case UserPageState::page_cache:
      break;
  }
  return "cannot be read";
}

bool in_memory(UserPageState state) {
  return state == UserPageState::mapped || state == UserPageState::no_access ||
         state == UserPageState::page_cache;
}

}  // namespace

std::string_view to_string(UserPageState state) {
  switch (state) {
    case UserPageState::mapped:
      return "mapped";
    case UserPageState::no_access:
      return "no-access";
    case UserPageState::page_cache:
      return "page-cache";
    case UserPageState::swapped:
      return "swapped";
    case UserPageState::migrating:
      return "migrating";
    case UserPageState::untouched:
      return "untouched";
    case UserPageState::not_loaded:
      return "not-loaded";
    case UserPageState::unmapped:
      return "unmapped";
    case UserPageState::unknown:
      return "unknown";
  }
  return "unknown";
}

Result<ProcessMemory> ProcessMemory::of(Kernel& kernel, Gva mm) {
  if (mm == Gva{0})
    return fail(Errc::not_found, "it has no user memory: it is a kernel thread, or has ended");
  RINGSIDE_TRY(const Field link, kernel.field("mm_struct", "pgd"));
  RINGSIDE_TRY(const Gva pgd, kernel.read_pointer_field(mm, link));
  // With page-table isolation this is the kernel's half of the pair; it maps user memory too
  // (Documentation/arch/x86/pti.rst).
  x86::PagingRoot root = kernel.identity().root;
  RINGSIDE_TRY(root.table, kernel.space().translate(pgd));
  return ProcessMemory(kernel, mm, root);
}

Result<UserPage> ProcessMemory::page(Gva gva) {
  if (gva >= x86::kernel_half(root_.mode) || !x86::is_canonical(gva, root_.mode))
    return fail(Errc::non_canonical, to_string(gva) + " is no address of user memory");
  UserPage page;
  page.gva = page_of(gva);
  page.size = kPageSize;
  const auto found = x86::PageTables(kernel_->snapshot(), root_).translate(gva);
  if (found) {
    page.state = UserPageState::mapped;
    page.size = found->page_size;
    page.gva = Gva{gva.value & ~(page.size - 1)};
    page.gpa = Gpa{found->gpa.value - (gva - page.gva)};
    page.permissions = found->permissions;
    page.entry = found->steps[found->step_count - 1].entry;
    return page;
  }
  const auto& failure = found.error();
  if (failure.error.code != Errc::not_mapped || failure.step_count == 0) return fail(failure.error);
  const auto& last = failure.steps[failure.step_count - 1];
  page.entry = last.entry;
  if (page.entry == 0) {
    classify_empty(page);
    return page;
  }
  const auto absent = decode_absent_entry(root_.mode, last.level, page.entry);
  const std::uint64_t size = x86::PagingFormat::of(root_.mode).entry_span(last.level);
  if (absent.kind == AbsentEntry::Kind::no_access) {
    page.state = UserPageState::no_access;
    page.size = size;
    page.gva = Gva{gva.value & ~(size - 1)};
    page.gpa = absent.gpa;
  } else if (absent.type < swap_areas(*kernel_)) {
    page.state = UserPageState::swapped;
    page.swap_area = absent.type;
    page.swap_offset = absent.offset;
  } else {
    page.state = UserPageState::migrating;
  }
  return page;
}

/// An empty entry: the area that the page lies in says what the next fault would bring.
void ProcessMemory::classify_empty(UserPage& page) {
  if (!areas_) areas_ = memory_areas(*kernel_, mm_, false);
  if (!*areas_) return;
  const auto& areas = (*areas_)->entries;
  const auto area = std::find_if(areas.begin(), areas.end(), [&](const MemoryArea& a) {
    return a.start <= page.gva && page.gva < a.end;
  });
  if (area == areas.end()) {
    if ((*areas_)->problems.empty()) page.state = UserPageState::unmapped;
    return;
  }
  if ((area->vm_flags & kSpecialAreas) != 0) {
    page.state = UserPageState::not_loaded;
    return;
  }
  if (area->file == Gva{0}) {
    page.state = UserPageState::untouched;
    return;
  }
  const auto cached =
      find_cached_page(*kernel_, area->file_inode, (area->offset + (page.gva - area->start)) / kPageSize);
  if (!cached) return;
  switch (cached->state) {
    case CacheLookup::State::present:
      page.state = cached->page.up_to_date ? UserPageState::page_cache : UserPageState::not_loaded;
      page.gpa = cached->page.gpa;
      return;
    case CacheLookup::State::swapped:
      page.state = UserPageState::swapped;
      page.swap_area = cached->swap_area;
      page.swap_offset = cached->swap_offset;
      return;
    case CacheLookup::State::absent:
      page.state = UserPageState::not_loaded;
      return;
  }
}

Result<void> ProcessMemory::read(Gva gva, std::span<std::byte> into) {
  while (!into.empty()) {
    RINGSIDE_TRY(const UserPage page, this->page(gva));
    if (!in_memory(page.state)) {
      const bool nothing = page.state == UserPageState::unmapped || page.state == UserPageState::untouched;
      return fail(nothing ? Errc::not_mapped : Errc::unavailable,
                  "user address " + to_string(gva) + " " + why_unreadable(page));
    }
    const std::uint64_t inside = gva - page.gva;
    const std::size_t here = std::min<std::uint64_t>(into.size(), page.size - inside);
    // A large page goes through the snapshot in one read.
    if (auto read = kernel_->snapshot().read(page.gpa + inside, into.first(here)); !read)
      return fail(read.error().within("user address " + to_string(gva)));
    into = into.subspan(here);
    gva = gva + here;
  }
  return {};
}

Result<Bytes> ProcessMemory::read_some(Gva gva, std::size_t max) {
  Bytes bytes;
  while (bytes.size() < max) {
    const std::size_t here = std::min<std::uint64_t>(max - bytes.size(), kPageSize - (gva - page_of(gva)));
    Bytes piece(here);
    auto done = read(gva, piece);
    if (!done && bytes.empty()) return fail(std::move(done).error());
    if (!done) break;
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    gva = gva + here;
  }
  return bytes;
}

}  // namespace ringside::guest::linux
