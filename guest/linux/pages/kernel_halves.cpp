// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/kernel_halves.h"

#include "guest/linux/address_regions.h"
#include "guest/linux/pages/own_page_tables.h"
#include "guest/linux/tasks.h"
#include "guest/x86/paging_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace ringside::guest::linux {

namespace {

using x86::PagingMode;
using Entries = std::vector<std::uint64_t>;

constexpr std::uint64_t kUserRootDistance =
    kPageSize;  // arch/x86/include/asm/pgtable.h, PTI_PGTABLE_SWITCH_BIT
/// What tells nothing of where an entry leads, and with which rights. Entries of the tables for patching
/// code, which are copied while the kernel boots, lack the global bit on a 32-bit machine without isolation.
constexpr std::uint64_t kIgnored = x86::pte::kAccessed | x86::pte::kDirty | x86::pte::kGlobal;

/// The part of a table that maps the kernel half, or the user half.
struct Slice {
  unsigned first = 0, count = 0, entry_size = 8;
  unsigned shift = 0;  ///< an entry maps 1 << shift bytes
};
Slice kernel_slice(PagingMode mode) {
  switch (mode) {
    case PagingMode::two_level:
      return {768, 256, 4, 22};
    case PagingMode::pae:
      return {0, 512, 8, 21};  // of the page directory behind PDPTE 3
    case PagingMode::five_level:
      return {256, 256, 8, 48};
    default:
      return {256, 256, 8, 39};
  }
}

Result<Entries> read_entries(Snapshot& snapshot, Gpa table, unsigned first, unsigned count, unsigned size) {
  Bytes bytes(std::size_t{count} * size);
  RINGSIDE_CHECK(snapshot.read(table + std::uint64_t{first} * size, bytes));
  Entries entries(count, 0);
  for (unsigned i = 0; i < count; ++i) std::memcpy(&entries[i], bytes.data() + std::size_t{i} * size, size);
  return entries;
}

/// Entries that map the kernel half, of the table `root`.
Result<Entries> kernel_entries(Snapshot& snapshot, PagingMode mode, Gpa root) {
  Gpa table = root;
  if (mode == PagingMode::pae) {
    RINGSIDE_TRY(const auto directory, read_entries(snapshot, root, 3, 1, 8));
    if ((directory[0] & x86::pte::kPresent) == 0) return Entries(512, 0);
    table = Gpa{directory[0] & x86::pte::kAddress};
  }
  const Slice slice = kernel_slice(mode);
  return read_entries(snapshot, table, slice.first, slice.count, slice.entry_size);
}

/// Whether the kernel isolates page tables: what it says of its CPU's features (arch/x86/include/asm/
/// cpufeatures.h, X86_FEATURE_PTI), or what was seen of a vCPU where it does not tell. What is seen depends
/// on the moment: a vCPU in the kernel does not show it.
bool isolates(Kernel& kernel) {
  constexpr std::uint64_t kWord = 7, kBit = 11;
  const auto features = kernel.field("cpuinfo_x86", "x86_capability");
  const auto cpu = kernel.find_symbol("boot_cpu_data");
  if (features && cpu && features->size >= 4 * (kWord + 1))
    if (const auto word = kernel.read<std::uint32_t>(*cpu + features->offset + 4 * kWord))
      return ((*word >> kBit) & 1) != 0;
  return kernel.identity().isolation;
}

/// An address space that must share the kernel's half.
struct Space {
  std::string whose;
  bool efi = false;
};

class Comparison {
 public:
  explicit Comparison(Kernel& kernel)
      : kernel_(kernel), regions_(kernel), mode_(kernel.identity().root.mode) {}

  Listing<PageTableFault> run() {
    const auto own = own_page_tables(kernel_);
    if (!own) {
      listing_.problem(own.error().within("init_top_pgt"));
      return std::move(listing_);
    }
    own_ = own->table;
    auto expected = kernel_entries(kernel_.snapshot(), mode_, own_);
    if (!expected) {
      listing_.problem(expected.error().within("init_top_pgt"));
      return std::move(listing_);
    }
    expected_ = std::move(*expected);
    isolated_ = mode_ != PagingMode::two_level && isolates(kernel_);
    if (isolated_ && mode_ != PagingMode::pae)
      if (auto user = kernel_entries(kernel_.snapshot(), mode_, own_ + kUserRootDistance))
        user_expected_ = std::move(*user);
    collect_tasks();
    collect_own();
    collect_vcpus();
    std::vector<Gpa> pages;
    for (const auto& [root, space] : spaces_) pages.push_back(page_of(Gpa{root}));
    kernel_.snapshot().prefetch(pages);
    for (const auto& [root, space] : spaces_) compare(Gpa{root}, space);
    return std::move(listing_);
  }

 private:
  void add(Gpa root, Space space) { spaces_.try_emplace(root.value, std::move(space)); }

  Result<Gpa> root_of(Gva mm) {
    RINGSIDE_TRY(const Field pgd, kernel_.field("mm_struct", "pgd"));
    RINGSIDE_TRY(const Gva table, kernel_.read_pointer_field(mm, pgd));
    if (table.value == 0) return Gpa{0};
    return kernel_.space().translate(table);
  }
  void collect(Gva mm, Space space) {
    auto root = root_of(mm);
    if (!root)
      listing_.problem(root.error().within("page tables of " + space.whose));
    else if (root->value != 0)
      add(*root, std::move(space));
  }

  void collect_tasks() {
    TaskQuery query;
    query.parts = TaskParts::pointers;
    const auto listing = tasks(kernel_, query);
    for (const Error& error : listing.problems) listing_.problem(error);
    std::map<Gva, const Task*> met;
    for (const Task& task : listing.entries)
      if (task.mm && task.mm->value != 0 && met.try_emplace(*task.mm, &task).second)
        collect(*task.mm, {fmt::format("process {} ({})", task.tgid, task.comm)});
  }
  /// Those that no process has. poking_mm was renamed in 6.15.
  void collect_own() {
    if (const auto mm = kernel_.find_symbol("init_mm")) collect(*mm, {"init_mm"});
    if (const auto mm = kernel_.find_symbol("efi_mm")) collect(*mm, {"efi_mm", true});
    for (const char* name : {"poking_mm", "text_poke_mm"})
      if (const auto variable = kernel_.find_symbol(name))
        if (const auto mm = kernel_.read_pointer(*variable); mm && mm->value != 0) collect(*mm, {name});
  }
  void collect_vcpus() {
    // CR3 is not noted as what the verdict depends on: it changes with each task switch, and what counts is
    // read from the table that it names.
    for (const auto& cpu : kernel_.snapshot().cpus(RegisterGroups::control)) {
      x86::PagingRoot root = x86::PagingRoot::of(cpu);
      if (root.mode != mode_) continue;
      const Gpa sibling{root.table.value & ~kUserRootDistance};
      // Where isolation is not known of, the root beside one that is known is what user mode sees of that.
      if (isolated_ || sibling == own_ || spaces_.contains(sibling.value)) root.table = sibling;
      add(root.table, {fmt::format("vCPU {}", cpu.index)});
    }
  }

  /// Whether address spaces may differ in the entry for `gva`: each has an LDT of its own under isolation
  /// (Documentation/arch/x86/pti.rst), and efi_mm maps the firmware (arch/x86/platform/efi/efi_64.c).
  bool may_differ(Gva gva, const Space& space) {
    if (isolated_ && regions_.at(gva) == AddressRegion::ldt) return true;
    constexpr Gva kEfi{0xffffffef00000000};
    const unsigned shift = kernel_slice(mode_).shift;
    return space.efi && gva.value >> shift == kEfi.value >> shift;
  }

  void compare(Gpa root, const Space& space) {
    if (root == own_) return;
    const auto entries = kernel_entries(kernel_.snapshot(), mode_, root);
    if (!entries) {
      listing_.problem(entries.error().within("page tables of " + space.whose));
      return;
    }
    compare(root, *entries, expected_, space);
    if (user_expected_.empty() || space.efi) return;
    const auto user = kernel_entries(kernel_.snapshot(), mode_, root + kUserRootDistance);
    if (user) compare(root + kUserRootDistance, *user, user_expected_, {"user mode of " + space.whose});
  }
  void compare(Gpa root, const Entries& entries, const Entries& expected, const Space& space) {
    const Slice slice = kernel_slice(mode_);
    for (unsigned i = 0; i < slice.count; ++i) {
      // An entry that is not there yet opens nothing.
      if ((entries[i] & x86::pte::kPresent) == 0 || ((entries[i] ^ expected[i]) & ~kIgnored) == 0) continue;
      const Gva gva = x86::kernel_half(mode_) + (std::uint64_t{i} << slice.shift);
      if (may_differ(gva, space)) continue;
      if (listing_.entries.size() >= kMaxFaultsOfAKind) return;
      PageTableFault fault;
      fault.kind = PageTableFaultKind::mm_differs;
      fault.gva = gva;
      fault.size = std::uint64_t{1} << slice.shift;
      fault.gpa = root;
      fault.entry = entries[i];
      fault.what = fmt::format("the page tables of {} at {} hold {:#x}, the kernel's {:#x}", space.whose,
                               to_string(root), entries[i], expected[i]);
      listing_.entries.push_back(std::move(fault));
    }
  }

  Kernel& kernel_;
  AddressRegions regions_;
  PagingMode mode_;
  bool isolated_ = false;
  Gpa own_;
  Entries expected_, user_expected_;
  std::map<std::uint64_t, Space> spaces_;  ///< by the GPA of the highest table
  Listing<PageTableFault> listing_;
};

}  // namespace

Listing<PageTableFault> differing_kernel_halves(Kernel& kernel) {
  return Comparison(kernel).run();
}

Listing<PageTableFault> mapped_user_half(Kernel& kernel) {
  Listing<PageTableFault> listing;
  const x86::PagingRoot& root = kernel.identity().root;
  const x86::PagingFormat format = x86::PagingFormat::of(root.mode);
  unsigned count = 256;
  if (root.mode == PagingMode::two_level) count = 768;
  if (root.mode == PagingMode::pae) count = 3;
  const auto own = own_page_tables(kernel);
  const auto entries = own ? read_entries(kernel.snapshot(), own->table, 0, count, format.entry_size)
                           : Result<Entries>(fail(own.error()));
  if (!entries) {
    listing.problem(entries.error().within("init_top_pgt"));
    return listing;
  }
  for (unsigned i = 0; i < count; ++i) {
    if (((*entries)[i] & x86::pte::kPresent) == 0) continue;
    PageTableFault fault;
    fault.kind = PageTableFaultKind::user_half;
    fault.gva = Gva{std::uint64_t{i} << format.shift(format.top_level)};
    fault.size = format.entry_span(format.top_level);
    fault.gpa = Gpa{(*entries)[i] & x86::pte::kAddress};
    fault.entry = (*entries)[i];
    fault.what = "the kernel's own page tables map user addresses";
    listing.entries.push_back(std::move(fault));
  }
  return listing;
}

}  // namespace ringside::guest::linux
