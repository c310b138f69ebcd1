// SPDX-License-Identifier: Apache-2.0
#include "guest/live/elf_build_id.h"

#include "guest/elf_notes.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace ringside::guest::live {

namespace {

constexpr std::size_t kFileStart = 64u << 10;  // linkers place the notes right behind the program headers

template <class T>
std::optional<T> load(ByteView bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace

std::optional<std::string> parse_build_id(ByteView elf) {
  const auto header = load<Elf64_Ehdr>(elf, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff > elf.size())
    return std::nullopt;
  for (std::size_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = load<Elf64_Phdr>(elf, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) return std::nullopt;
    if (segment->p_type != PT_NOTE || segment->p_offset > elf.size()) continue;
    const std::size_t size = std::min<std::size_t>(segment->p_filesz, elf.size() - segment->p_offset);
    if (auto id = gnu_build_id(elf.subspan(segment->p_offset, size))) return id;
  }
  return std::nullopt;
}

std::optional<std::string> build_id_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/exe", pid), std::ios::binary);
  std::string start(kFileStart, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return parse_build_id(as_bytes(start));
}

}  // namespace ringside::guest::live
