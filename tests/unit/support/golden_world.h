// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/kernel_file.h"
#include "guest/linux/text/text_reference.h"
#include "tests/unit/support/elf_writer.h"
#include "tests/unit/support/fake_kernel.h"

#include <memory>
#include <string>
#include <string_view>

namespace ringside::testing {

/// What `reference` says of a difference at `first`, where `actual` stands.
inline std::optional<std::string> explained_at(const guest::linux::TextReference& reference, guest::Gva first,
                                               const Bytes& actual) {
  const Bytes expected = reference.bytes(first, actual.size()).value();
  return reference.explainer(first, expected, actual)->explain(0, actual.size());
}

/// A vendor's kernel of a page of text, and what it becomes when a machine boots it. Addresses are those of
/// the file; the guest's are kSlide higher.
class GoldenWorld {
 public:
  static constexpr std::uint64_t kText = 0x1000000, kRodata = 0x1002000, kData = 0x1004000,
                                 kReplacements = 0x1006000, kTables = 0x1008000, kSlide = 0x200000;
  static constexpr std::string_view kBanner =
      "Linux version 6.1.0-fake (who@where) (gcc (Debian 12) 12.2.0) #1 SMP Debian 6.1.1-1\n";
  static constexpr std::string_view kBuildId = "0102030405060708090a0b0c0d0e0f1011121314";

  GoldenWorld() : text(0x1000, std::byte{0xcc}), rodata(0x400), replacements(0x100, std::byte{0xcc}) {
    put(rodata, 0x100, kBanner);
  }

  static void put(Bytes& into, std::size_t at, std::string_view raw) {
    const auto view = as_bytes(raw);
    std::copy(view.begin(), view.end(), into.begin() + static_cast<std::ptrdiff_t>(at));
  }
  static void put_hex(Bytes& into, std::size_t at, std::string_view hex) {
    const Bytes bytes = from_hex(hex).value();
    std::copy(bytes.begin(), bytes.end(), into.begin() + static_cast<std::ptrdiff_t>(at));
  }
  /// An entry of a table of places: the distance from itself to `address`.
  void add_site(Bytes& table, std::uint64_t table_at, std::uint64_t address) const {
    ElfWriter::append_value(table, static_cast<std::uint32_t>(address - table_at - table.size()));
  }
  void add_alternative(std::uint64_t address, std::uint8_t size, std::uint64_t replacement,
                       std::uint8_t replacement_size) {
    const std::uint64_t at = kTables + alternatives.size();
    ElfWriter::append_value(alternatives, static_cast<std::uint32_t>(address - at));
    ElfWriter::append_value(alternatives, static_cast<std::uint32_t>(replacement - at - 4));
    ElfWriter::append_value(alternatives, std::uint16_t{1});
    ElfWriter::append_value(alternatives, size);
    ElfWriter::append_value(alternatives, replacement_size);
  }

  /// Sections of the file.
  static constexpr std::uint32_t kSections = 9;
  /// The file: an ELF file with its relocations behind it. `more`: sections that follow.
  Bytes payload(const std::vector<ElfWriter::Section>& more = {}) const {
    ElfWriter writer;
    const auto alloc = ElfWriter::kAlloc, code = ElfWriter::kAlloc | ElfWriter::kExecute;
    writer.add({".text", 1, code, kText, text});
    writer.add({".rodata", 1, alloc | ElfWriter::kWrite, kRodata, rodata});
    Bytes note;
    for (const std::uint32_t word : {4u, 20u, 3u}) ElfWriter::append_value(note, word);
    ElfWriter::append(note, as_bytes(std::string_view("GNU\0", 4)));
    ElfWriter::append(note, from_hex(kBuildId).value());
    writer.add({".notes", 7, alloc, kRodata + 0x800, note});
    writer.add({".data", 1, alloc | ElfWriter::kWrite, kData, Bytes(16)});
    writer.add({".altinstr_replacement", 1, code, kReplacements, replacements});
    writer.add({".altinstructions", 1, alloc, kTables, alternatives});
    writer.add({".return_sites", 1, alloc, kTables + 0x1000, return_sites});
    writer.add({".retpoline_sites", 1, alloc, kTables + 0x2000, retpoline_sites});
    writer.add({".smp_locks", 1, alloc, kTables + 0x3000, locks});
    for (const auto& section : more) writer.add(section);
    Bytes file = writer.write(2);
    const auto list = [&](const std::vector<std::uint32_t>& places) {
      ElfWriter::append_value(file, std::uint32_t{0});
      for (const auto place : places) ElfWriter::append_value(file, place);
    };
    list(moved64);
    list({});
    list(moved32);
    return file;
  }

  /// A guest that runs it. Its memory holds the text and read-only data as they are in the file, moved; a
  /// test puts over it what the kernel made of them.
  std::unique_ptr<FakeKernel> boot(const guest::linux::GoldenKernel& golden) const {
    auto kernel = std::make_unique<FakeKernel>();
    auto& identity = kernel->mutable_identity();
    identity.build_id = kBuildId;
    identity.image = {guest::Gva{kText + kSlide}, guest::Gva{kTables + kSlide}};
    identity.text = {guest::Gva{kText + kSlide}, guest::Gva{kText + kSlide + text.size()}};
    for (const auto* part : {&golden.text(), &golden.rodata()}) {
      Bytes bytes(part->bytes.size());
      golden.read(part->first, bytes, kSlide);
      kernel->memory().write(guest::Gpa{part->first + kSlide}, bytes);
    }
    return kernel;
  }

  Bytes text, rodata, replacements;
  Bytes alternatives, return_sites, retpoline_sites, locks;
  std::vector<std::uint32_t> moved64, moved32;
};

}  // namespace ringside::testing
