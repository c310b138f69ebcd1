// SPDX-License-Identifier: Apache-2.0
#include "guest/elf_notes.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace ringside::guest {

namespace {

constexpr std::size_t kIdBound = 64;  // bytes; SHA-1 has 20

std::size_t padded(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

}  // namespace

std::optional<std::string> gnu_build_id(ByteView notes) {
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data(), sizeof(note));
    notes = notes.subspan(sizeof(note));
    if (note.n_namesz > notes.size() || padded(note.n_namesz) > notes.size()) break;
    const ByteView name = notes.first(note.n_namesz);
    notes = notes.subspan(padded(note.n_namesz));
    if (note.n_descsz > notes.size()) break;
    const ByteView id = notes.first(note.n_descsz);
    if (note.n_type == NT_GNU_BUILD_ID && std::ranges::equal(name, as_bytes(std::string_view("GNU\0", 4))))
      return id.empty() || id.size() > kIdBound ? std::nullopt : std::optional(to_hex(id));
    notes = notes.subspan(std::min(padded(note.n_descsz), notes.size()));
  }
  return std::nullopt;
}

}  // namespace ringside::guest
