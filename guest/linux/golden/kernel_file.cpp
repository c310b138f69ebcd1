// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/kernel_file.h"

#include "guest/elf_notes.h"
#include "guest/linux/banner.h"
#include "guest/linux/golden/elf_file.h"

#include <algorithm>
#include <string_view>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kPage = 4096;
/// Most bytes between the start of an image and its end.
constexpr std::uint64_t kMaxImage = std::uint64_t{1} << 30;

GoldenKernel::Part part_of(const ElfSection& section) {
  return {section.address, Bytes(section.bytes.begin(), section.bytes.end())};
}

/// The read-only sections that stand between text and data, with zeroes between them as in memory
/// (include/asm-generic/vmlinux.lds.h, RO_DATA).
Result<GoldenKernel::Part> rodata_of(const ElfFile& elf, const ElfSection& text) {
  const ElfSection* data = elf.section(".data");
  const ElfSection* first = elf.section(".rodata");
  if (data == nullptr || first == nullptr || first->address < text.address ||
      data->address < first->address || data->address - text.address > kMaxImage)
    return fail(Errc::unsupported, "an ELF file, but no kernel: it has no .rodata and .data");
  GoldenKernel::Part part{first->address, {}};
  for (const ElfSection& section : elf.sections()) {
    if (!section.allocated() || section.bytes.empty() || section.address < first->address ||
        section.address >= data->address)
      continue;
    const std::uint64_t offset = section.address - first->address;
    if (section.bytes.size() > data->address - section.address)
      return fail(Errc::malformed, "a read-only section of the kernel reaches into its data");
    part.bytes.resize(std::max<std::size_t>(part.bytes.size(), offset + section.bytes.size()));
    std::copy(section.bytes.begin(), section.bytes.end(),
              part.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return part;
}

/// The banner that starts with "Linux version" and a number: the format string of another function does not.
Result<Banner> banner_of(const Bytes& rodata) {
  constexpr std::string_view kStart = "Linux version ";
  const std::string_view text(reinterpret_cast<const char*>(rodata.data()), rodata.size());
  for (std::size_t at = text.find(kStart); at != std::string_view::npos; at = text.find(kStart, at + 1))
    if (auto banner = parse_banner(text.substr(at, 1024))) return banner;
  return fail(Errc::unsupported, "an ELF file, but no kernel: it has no banner");
}

}  // namespace

Result<std::shared_ptr<const GoldenKernel>> GoldenKernel::parse(ByteView payload) {
  RINGSIDE_TRY(const ElfFile elf, ElfFile::parse(payload));
  const ElfSection* text = elf.section(".text");
  if (elf.relocatable() || text == nullptr || text->bytes.empty() || !text->executable())
    return fail(Errc::unsupported, "an ELF file, but no linked kernel");
  const std::shared_ptr<GoldenKernel> kernel(new GoldenKernel(elf.bits()));
  kernel->base_ = text->address;
  if (const ElfSection* section = elf.section(".rodata"))
    kernel->rodata_section_end_ = section->address + section->bytes.size();
  kernel->parts_.push_back(part_of(*text));
  // The rest of its last page is code to the CPU too: the image has zeroes there.
  Bytes& whole_pages = kernel->parts_.back().bytes;
  whole_pages.resize((whole_pages.size() + kPage - 1) / kPage * kPage);
  RINGSIDE_TRY(Part rodata, rodata_of(elf, *text));
  RINGSIDE_TRY(const Banner banner, banner_of(rodata.bytes));
  kernel->release_ = banner.release;
  kernel->banner_ = banner.text;
  kernel->parts_.push_back(std::move(rodata));
  if (const ElfSection* notes = elf.section(".notes"))
    kernel->build_id_ = gnu_build_id(notes->bytes).value_or("");
  if (kernel->build_id_.empty()) return fail(Errc::unsupported, "the kernel has no build id");
  if (const ElfSection* replacements = elf.section(".altinstr_replacement"))
    kernel->parts_.push_back(part_of(*replacements));
  kernel->movable_ = elf.end() < payload.size();
  RINGSIDE_TRY(kernel->relocations_,
               KernelRelocations::parse(payload.subspan(elf.end()), elf.bits(), kernel->base_, kMaxImage));
  const BootPlaces::Code code = [&](std::uint64_t address, std::span<std::byte> into) {
    for (const ElfSection& section : elf.sections()) {
      if (!section.executable() || address < section.address) continue;
      const std::uint64_t at = address - section.address;
      if (at > section.bytes.size() || section.bytes.size() - at < into.size()) continue;
      std::copy_n(section.bytes.begin() + static_cast<std::ptrdiff_t>(at), into.size(), into.begin());
      return true;
    }
    return false;
  };
  for (const ElfSection& section : elf.sections())
    RINGSIDE_CHECK(kernel->places_.add_table(section.name, section.address, section.bytes, code));
  kernel->places_.finish();
  return kernel;
}

const GoldenKernel::Part* GoldenKernel::part_at(std::uint64_t address, std::uint64_t size) const {
  for (const Part& part : parts_)
    if (address >= part.first && address - part.first <= part.bytes.size() &&
        part.bytes.size() - (address - part.first) >= size)
      return &part;
  return nullptr;
}

bool GoldenKernel::read(std::uint64_t address, std::span<std::byte> into, std::uint64_t slide) const {
  const Part* part = part_at(address, into.size());
  if (part == nullptr) return false;
  const std::uint64_t at = address - part->first;
  if (slide == 0) {
    std::copy_n(part->bytes.begin() + static_cast<std::ptrdiff_t>(at), into.size(), into.begin());
    return true;
  }
  // With some more at both ends: a relocated word may be cut there.
  constexpr std::uint64_t kMargin = 8;
  const std::uint64_t first = at - std::min(at, kMargin);
  const std::uint64_t end = std::min<std::uint64_t>(part->bytes.size(), at + into.size() + kMargin);
  Bytes moved(part->bytes.begin() + static_cast<std::ptrdiff_t>(first),
              part->bytes.begin() + static_cast<std::ptrdiff_t>(end));
  relocations_.apply(moved, part->first + first - base_, slide);
  std::copy_n(moved.begin() + static_cast<std::ptrdiff_t>(at - first), into.size(), into.begin());
  return true;
}

}  // namespace ringside::guest::linux
