// SPDX-License-Identifier: Apache-2.0
// A symbol table as a file of the cache: the tables' bytes, the index of names, a trailer of 64-bit numbers.
// The tables come first so that a file that was read becomes the symbol table without a copy.
#include "guest/linux/symbol_table.h"

#include <array>
#include <cstring>
#include <span>

namespace ringside::guest::linux {
namespace {

constexpr std::uint64_t kMagic = 0x31303053'4d595352;  // "RSYMS001"

struct Trailer {
  std::uint64_t bytes = 0, start = 0, count = 0, pointer_size = 0, encoding = 0, num_syms = 0, names = 0,
                names_end = 0, markers = 0, token_table = 0, token_index = 0, offsets = 0,
                relative_base_at = 0, relative_base = 0, magic = kMagic, checksum = 0;
};
static_assert(std::has_unique_object_representations_v<Trailer>);

/// Of all that stands before it. Against a damaged disk, not against an enemy.
std::uint64_t checksum(ByteView file) {
  const ByteView covered = file.first(file.size() - sizeof(std::uint64_t));
  std::uint64_t sum = file.size();
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= covered.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, covered.data() + at, sizeof(word));
    sum = (sum ^ word) * 0x9e3779b97f4a7c15;
    sum ^= sum >> 29;
  }
  for (; at < covered.size(); ++at) sum = (sum ^ std::to_integer<std::uint64_t>(covered[at])) * 0x100000001b3;
  return sum;
}

}  // namespace

Bytes SymbolTable::serialise() const {
  Trailer trailer;
  trailer.bytes = bytes_.size();
  trailer.start = start_.value;
  trailer.count = tables_.count;
  trailer.pointer_size = tables_.pointer_size;
  trailer.encoding = static_cast<std::uint64_t>(tables_.encoding);
  trailer.num_syms = tables_.num_syms;
  trailer.names = tables_.names;
  trailer.names_end = tables_.names_end;
  trailer.markers = tables_.markers;
  trailer.token_table = tables_.token_table;
  trailer.token_index = tables_.token_index;
  trailer.offsets = tables_.offsets;
  trailer.relative_base_at = tables_.relative_base_at;
  trailer.relative_base = tables_.relative_base;

  const auto index = std::as_bytes(std::span(index_.entries()));
  const std::size_t trailer_at = bytes_.size() + index.size();
  Bytes file(trailer_at + sizeof(trailer));
  std::memcpy(file.data(), bytes_.data(), bytes_.size());
  std::memcpy(file.data() + bytes_.size(), index.data(), index.size());
  std::memcpy(file.data() + trailer_at, &trailer, sizeof(trailer));
  trailer.checksum = checksum(file);
  std::memcpy(file.data() + trailer_at, &trailer, sizeof(trailer));
  return file;
}

Result<std::shared_ptr<const SymbolTable>> SymbolTable::parse(Bytes file) {
  Trailer trailer;
  if (file.size() < sizeof(trailer)) return fail(Errc::malformed, "a symbol file is too short");
  std::memcpy(&trailer, file.data() + file.size() - sizeof(trailer), sizeof(trailer));
  if (trailer.magic != kMagic) return fail(Errc::malformed, "this is no symbol file of this version");
  const std::size_t body = file.size() - sizeof(trailer);
  if (trailer.bytes > body || trailer.count > kMaxSymbols || body - trailer.bytes != 8 * trailer.count)
    return fail(Errc::malformed, "a symbol file is longer or shorter than it says");
  if (trailer.checksum != checksum(file)) return fail(Errc::malformed, "a symbol file is damaged");
  if (trailer.pointer_size > 8 ||
      trailer.encoding > static_cast<std::uint64_t>(KallsymsEncoding::pc_relative))
    return fail(Errc::malformed, "a symbol file speaks of an unknown encoding");

  KallsymsTables tables;
  tables.count = static_cast<std::uint32_t>(trailer.count);
  tables.pointer_size = static_cast<unsigned>(trailer.pointer_size);
  tables.encoding = static_cast<KallsymsEncoding>(trailer.encoding);
  tables.num_syms = trailer.num_syms;
  tables.names = trailer.names;
  tables.names_end = trailer.names_end;
  tables.markers = trailer.markers;
  tables.token_table = trailer.token_table;
  tables.token_index = trailer.token_index;
  tables.offsets = trailer.offsets;
  tables.relative_base_at = trailer.relative_base_at;
  tables.relative_base = trailer.relative_base;
  tables.end = trailer.bytes;

  std::vector<std::uint64_t> entries(tables.count);
  std::memcpy(entries.data(), file.data() + trailer.bytes, 8 * entries.size());
  file.resize(trailer.bytes);
  RINGSIDE_TRY(auto table, without_index(std::move(file), Gva{trailer.start}, tables));
  RINGSIDE_TRY(table->index_, SymbolNameIndex::create(std::move(entries), tables.count));
  return table;
}

}  // namespace ringside::guest::linux
