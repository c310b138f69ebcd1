// SPDX-License-Identifier: Apache-2.0
#include "guest/live/elf_build_id.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace ringside::guest::live {
namespace {

/// A file of one header, one PT_NOTE segment and these notes.
Bytes elf_with(const Bytes& notes) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = notes.size();
  Bytes elf(sizeof header + sizeof segment);
  std::memcpy(elf.data(), &header, sizeof header);
  std::memcpy(elf.data() + sizeof header, &segment, sizeof segment);
  elf.insert(elf.end(), notes.begin(), notes.end());
  return elf;
}

Bytes note(std::uint32_t type, std::string_view name, std::string_view description) {
  const Elf64_Nhdr header{static_cast<Elf64_Word>(name.size()), static_cast<Elf64_Word>(description.size()),
                          type};
  Bytes bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  for (const std::string_view part : {name, description}) {
    const ByteView view = as_bytes(part);
    bytes.insert(bytes.end(), view.begin(), view.end());
    while (bytes.size() % 4 != 0) bytes.push_back(std::byte{0});
  }
  return bytes;
}

constexpr std::string_view kGnu("GNU\0", 4);

TEST(BuildId, IsTheGnuNote) {
  EXPECT_EQ(parse_build_id(elf_with(note(NT_GNU_BUILD_ID, kGnu, "\x01\xab\xff"))), "01abff");
}

TEST(BuildId, IsFoundBehindOtherNotes) {
  Bytes notes = note(NT_GNU_ABI_TAG, kGnu, "abcde");
  for (const std::byte b : note(NT_GNU_BUILD_ID, std::string_view("Other\0", 6), "zz")) notes.push_back(b);
  for (const std::byte b : note(NT_GNU_BUILD_ID, kGnu, "\x12")) notes.push_back(b);
  EXPECT_EQ(parse_build_id(elf_with(notes)), "12");
}

TEST(BuildId, IsNoneInCutAndHostileFiles) {
  const Bytes whole = elf_with(note(NT_GNU_BUILD_ID, kGnu, "\x01\x02\x03\x04"));
  ASSERT_TRUE(parse_build_id(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_build_id(ByteView(whole).first(size))) << size;
  for (const std::size_t field :
       {sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + 4,
        offsetof(Elf64_Ehdr, e_phoff), sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_offset)}) {
    Bytes hostile = whole;
    std::fill_n(hostile.begin() + static_cast<std::ptrdiff_t>(field), 4, std::byte{0xff});
    EXPECT_FALSE(parse_build_id(hostile)) << field;
  }
}

TEST(BuildId, OfNoProcessIsNone) {
  EXPECT_FALSE(build_id_of(0));
}

}  // namespace
}  // namespace ringside::guest::live
