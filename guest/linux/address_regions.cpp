// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/address_regions.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

using Region = AddressRegion;
using x86::PagingMode;

constexpr std::uint64_t kMiB = 1u << 20, kGiB = 1u << 30, kTiB = kGiB << 10, kPiB = kTiB << 10;

/// What KASLR moves: bounds are those of the layout without it, sizes the most that there can be.
struct Layout {
  std::uint64_t ldt, direct_map, direct_map_size, vmalloc, vmalloc_size, vmemmap, vmemmap_size;
};
constexpr Layout kFourLevel = {0xffff880000000000, 0xffff888000000000, 64 * kTiB, 0xffffc90000000000,
                               32 * kTiB,          0xffffea0000000000, kTiB};
constexpr Layout kFiveLevel = {0xff10000000000000,   0xff11000000000000, 32 * kPiB, 0xffa0000000000000,
                               12 * kPiB + kPiB / 2, 0xffd4000000000000, kPiB / 2};

std::optional<Range> between(Kernel& kernel, std::string_view first, std::string_view end) {
  const auto a = kernel.find_symbol(first), b = kernel.find_symbol(end);
  if (!a || !b || *b < *a) return std::nullopt;
  return Range{*a, *b};
}

}  // namespace

std::string_view to_string(AddressRegion region) {
  constexpr std::array<std::string_view, 23> kNames = {
      "none",           "user",          "kernel_text", "kernel_rodata", "kernel_data", "kernel_init",
      "module_text",    "module_rodata", "module_data", "module_init",   "bpf",         "ftrace_trampoline",
      "kprobe",         "module_area",   "vmalloc",     "direct_map",    "vmemmap",     "ldt",
      "cpu_entry_area", "espfix",        "efi",         "fixmap",        "vsyscall"};
  const auto number = static_cast<std::size_t>(region);
  return number < kNames.size() ? kNames[number] : "?";
}

AddressRegions::AddressRegions(Kernel& kernel)
    : kernel_(&kernel),
      rodata_(between(kernel, "__start_rodata", "__end_rodata")),
      init_(between(kernel, "__init_begin", "__init_end")) {}

AddressRegion AddressRegions::at(Gva gva) {
  const Range& image = kernel_->identity().image;
  if (image.contains(gva)) return in_image(gva);
  // The image's mapping ends with a whole large page (arch/x86/mm/init_64.c, cleanup_highmap).
  constexpr std::uint64_t kLargePage = 2 * kMiB;
  if (kernel_->identity().bits == 64 && gva >= image.end &&
      gva - image.end < (~image.end.value + 1) % kLargePage)
    return Region::kernel_data;
  return outside(gva.value);
}

bool AddressRegions::may_be_module(Gva gva) {
  if (kernel_->identity().image.contains(gva)) return false;
  const Region region = outside(gva.value);
  return region == Region::module_area || (kernel_->identity().bits == 32 && region == Region::vmalloc);
}

AddressRegion AddressRegions::in_image(Gva gva) {
  const KernelIdentity& identity = kernel_->identity();
  // What stands before _stext in 32-bit kernels is the start-up code.
  if (identity.text.contains(gva) || gva < identity.text.first) return Region::kernel_text;
  if (rodata_ && rodata_->contains(gva)) return Region::kernel_rodata;
  if ((init_ && init_->contains(gva)) || identity.init_text.contains(gva)) return Region::kernel_init;
  if (rodata_) return Region::kernel_data;
  // A kernel that has no symbols for data: its page tables tell what it made read-only.
  const auto mapped = kernel_->space().tables().translate(gva);
  if (!mapped) return Region::none;
  return mapped->permissions.writable ? Region::kernel_data : Region::kernel_rodata;
}

AddressRegion AddressRegions::outside(std::uint64_t address) {
  if (!laid_out_) lay_out();
  const auto after =
      std::upper_bound(named_.begin(), named_.end(), address,
                       [](std::uint64_t value, const Named& one) { return value < one.first; });
  if (after == named_.begin()) return Region::none;
  const Named& found = *std::prev(after);
  return address <= found.last ? found.region : Region::none;
}

/// Adds a region that begins where the one before has ended, or later; what would overlap is cut.
void AddressRegions::add(AddressRegion region, std::uint64_t first, std::uint64_t size) {
  if (size == 0) return;
  const std::uint64_t last = first + size < first ? ~std::uint64_t{0} : first + size - 1;
  if (!named_.empty() && named_.back().last >= first) named_.back().last = first - 1;
  named_.push_back({first, last, region});
}

std::uint64_t AddressRegions::variable(std::string_view name, std::uint64_t otherwise) {
  const auto at = kernel_->find_symbol(name);
  if (!at) return otherwise;
  const auto value = kernel_->read<std::uint64_t>(*at);
  if (value) return *value;
  if (!problem_) problem_ = value.error().within(name);
  return otherwise;
}

void AddressRegions::lay_out() {
  laid_out_ = true;
  if (kernel_->identity().bits == 64)
    lay_out_64();
  else
    lay_out_32();
}

void AddressRegions::lay_out_64() {
  const bool five_level = kernel_->identity().root.mode == PagingMode::five_level;
  const Layout& fixed = five_level ? kFiveLevel : kFourLevel;
  const std::uint64_t direct_map = variable("page_offset_base", fixed.direct_map),
                      vmalloc = variable("vmalloc_base", fixed.vmalloc),
                      vmemmap = variable("vmemmap_base", fixed.vmemmap);
  // KASLR spreads the three over all that lies below the CPU entry areas (arch/x86/mm/kaslr.c, vaddr_end).
  constexpr std::uint64_t kCpuEntryAreas = 0xfffffe0000000000;
  add(Region::user, 0, std::uint64_t{1} << (five_level ? 56 : 47));
  if (fixed.ldt < direct_map && direct_map < vmalloc && vmalloc < vmemmap && vmemmap < kCpuEntryAreas) {
    add(Region::ldt, fixed.ldt, kTiB / 2);
    add(Region::direct_map, direct_map, fixed.direct_map_size);
    add(Region::vmalloc, vmalloc, fixed.vmalloc_size);
    add(Region::vmemmap, vmemmap, fixed.vmemmap_size);
  } else if (!problem_) {
    problem_ =
        Error{Errc::mismatch, "page_offset_base, vmalloc_base and vmemmap_base do not follow each other"};
  }
  add(Region::cpu_entry_area, kCpuEntryAreas, kTiB / 2);
  add(Region::espfix, 0xffffff0000000000, kTiB / 2);
  add(Region::efi, 0xffffffef00000000, 64 * kGiB);
  // Without KASLR in the configuration, modules begin at 0xffffffffa0000000, else at 0xffffffffc0000000
  // (asm/page_64_types.h, KERNEL_IMAGE_SIZE); the image, which lies below, is looked at first.
  add(Region::module_area, 0xffffffffa0000000, 0x5f000000);
  add(Region::fixmap, 0xffffffffff000000, 6 * kMiB);
  add(Region::vsyscall, 0xffffffffff600000, kPageSize);
  add(Region::fixmap, 0xffffffffff601000, 2 * kMiB - 2 * kPageSize);
}

void AddressRegions::lay_out_32() {
  const KernelIdentity& identity = kernel_->identity();
  const std::uint64_t page_offset = identity.image.first.value - identity.image_gpa.value;
  const std::uint64_t pmd = identity.root.mode == PagingMode::pae ? 2 * kMiB : 4 * kMiB;
  std::uint64_t entry_area = 0, entry_end = 0, ram = 0, first_gdt = ~std::uint64_t{0};
  for (const auto& cpu : kernel_->snapshot().cpus(RegisterGroups::tables)) {
    if ((cpu.cr0 & x86::cr0::kPg) == 0) continue;
    // The first page of the area holds the IDT (CPU_ENTRY_AREA_RO_IDT); GDT and TSS of each CPU follow.
    entry_area = cpu.idt.base.value;
    entry_end = std::max(entry_end, cpu.gdt.base.value + 16 * kPageSize);
    first_gdt = std::min(first_gdt, cpu.gdt.base.value);
  }
  // One who moved the IDT does not move the area with it: it begins where a table of page tables does.
  if (entry_area % pmd != 0 && (first_gdt - kPageSize) % pmd == 0) entry_area = first_gdt - kPageSize;
  for (const auto& range : kernel_->snapshot().map().ranges())
    if (range.kind == memory::MemoryRange::Kind::ram && range.start.value < kGiB)
      ram = std::max(ram, range.end().value);
  add(Region::user, 0, page_offset);
  constexpr std::uint64_t kTop = 0xfffff000;
  if (entry_area < page_offset || entry_end <= entry_area || entry_end > kTop) {
    problem_ = Error{Errc::mismatch, "the IDT at " + hex_address(entry_area) + " is not where Linux puts it"};
    return;
  }
  const std::uint64_t ldt = (entry_area - kPageSize) & ~(pmd - 1), pkmap = (ldt - kPageSize) & ~(pmd - 1);
  const std::uint64_t vmalloc_end = pkmap - 2 * kPageSize;
  // The direct map ends at high_memory, or where RAM does; MAXMEM leaves __VMALLOC_RESERVE, 128 MiB, above
  // it.
  std::uint64_t direct_end = page_offset + std::min(ram, vmalloc_end - page_offset - 128 * kMiB);
  if (const auto at = kernel_->find_symbol("high_memory"))
    if (const auto value = kernel_->read_pointer(*at);
        value && page_offset < value->value && value->value < direct_end)
      direct_end = value->value;
  const std::uint64_t vmalloc = direct_end + 8 * kMiB;  // VMALLOC_OFFSET
  add(Region::direct_map, page_offset, direct_end - page_offset);
  add(Region::vmalloc, vmalloc, vmalloc_end - vmalloc);
  add(Region::ldt, ldt, pmd);
  add(Region::cpu_entry_area, entry_area, entry_end - entry_area);
  add(Region::fixmap, entry_end, kTop - entry_end);
}

}  // namespace ringside::guest::linux
