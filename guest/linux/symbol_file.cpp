// SPDX-License-Identifier: Apache-2.0
// A symbol table as a file of the cache: a header of 64-bit numbers, the tables' bytes, the index of names.
#include "guest/linux/symbol_table.h"

#include <array>
#include <cstring>
#include <span>

namespace ringside::guest::linux {
namespace {

constexpr std::uint64_t kMagic = 0x31303053'4d595352;  // "RSYMS001"

struct Header {
  std::uint64_t magic = kMagic, checksum = 0, bytes = 0, start = 0, count = 0, pointer_size = 0, encoding = 0,
                num_syms = 0, names = 0, names_end = 0, markers = 0, token_table = 0, token_index = 0,
                offsets = 0, relative_base_at = 0, relative_base = 0;
};
static_assert(std::has_unique_object_representations_v<Header>);

/// Of all that follows the two first members. Against a damaged disk, not against an enemy.
std::uint64_t checksum(ByteView file) {
  std::uint64_t sum = file.size();
  std::size_t at = 2 * sizeof(std::uint64_t);
  for (; at + sizeof(std::uint64_t) <= file.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, file.data() + at, sizeof(word));
    sum = (sum ^ word) * 0x9e3779b97f4a7c15;
    sum ^= sum >> 29;
  }
  for (; at < file.size(); ++at) sum = (sum ^ std::to_integer<std::uint64_t>(file[at])) * 0x100000001b3;
  return sum;
}

}  // namespace

Bytes SymbolTable::serialise() const {
  Header header;
  header.bytes = bytes_.size();
  header.start = start_.value;
  header.count = tables_.count;
  header.pointer_size = tables_.pointer_size;
  header.encoding = static_cast<std::uint64_t>(tables_.encoding);
  header.num_syms = tables_.num_syms;
  header.names = tables_.names;
  header.names_end = tables_.names_end;
  header.markers = tables_.markers;
  header.token_table = tables_.token_table;
  header.token_index = tables_.token_index;
  header.offsets = tables_.offsets;
  header.relative_base_at = tables_.relative_base_at;
  header.relative_base = tables_.relative_base;

  const auto index = std::as_bytes(std::span(index_.entries()));
  Bytes file(sizeof(header) + bytes_.size() + index.size());
  std::memcpy(file.data() + sizeof(header), bytes_.data(), bytes_.size());
  std::memcpy(file.data() + sizeof(header) + bytes_.size(), index.data(), index.size());
  std::memcpy(file.data(), &header, sizeof(header));
  header.checksum = checksum(file);
  std::memcpy(file.data(), &header, sizeof(header));
  return file;
}

Result<std::shared_ptr<const SymbolTable>> SymbolTable::parse(Bytes file) {
  Header header;
  if (file.size() < sizeof(header)) return fail(Errc::malformed, "a symbol file ends before its header does");
  std::memcpy(&header, file.data(), sizeof(header));
  if (header.magic != kMagic) return fail(Errc::malformed, "this is no symbol file of this version");
  const std::size_t body = file.size() - sizeof(header);
  if (header.bytes > body || header.count > kMaxSymbols || body - header.bytes != 8 * header.count)
    return fail(Errc::malformed, "a symbol file is longer or shorter than it says");
  if (header.checksum != checksum(file)) return fail(Errc::malformed, "a symbol file is damaged");
  if (header.pointer_size > 8 || header.encoding > static_cast<std::uint64_t>(KallsymsEncoding::pc_relative))
    return fail(Errc::malformed, "a symbol file speaks of an unknown encoding");

  KallsymsTables tables;
  tables.count = static_cast<std::uint32_t>(header.count);
  tables.pointer_size = static_cast<unsigned>(header.pointer_size);
  tables.encoding = static_cast<KallsymsEncoding>(header.encoding);
  tables.num_syms = header.num_syms;
  tables.names = header.names;
  tables.names_end = header.names_end;
  tables.markers = header.markers;
  tables.token_table = header.token_table;
  tables.token_index = header.token_index;
  tables.offsets = header.offsets;
  tables.relative_base_at = header.relative_base_at;
  tables.relative_base = header.relative_base;
  tables.end = header.bytes;

  const auto rest = ByteView(file).subspan(sizeof(header));
  std::vector<std::uint64_t> entries(tables.count);
  std::memcpy(entries.data(), rest.data() + header.bytes, 8 * entries.size());
  const auto bytes = rest.first(header.bytes);
  RINGSIDE_TRY(auto table, without_index(Bytes(bytes.begin(), bytes.end()), Gva{header.start}, tables));
  RINGSIDE_TRY(table->index_, SymbolNameIndex::create(std::move(entries), tables.count));
  return table;
}

}  // namespace ringside::guest::linux
