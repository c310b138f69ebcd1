// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/btf.h"

#include <algorithm>
#include <limits>

namespace ringside::guest::linux {

namespace {

// Structs inside structs, anonymous ones included. Structs that contain each other would go on without end.
constexpr unsigned kMaxNesting = 16;
constexpr std::uint32_t kMaxMembers = 0xffff;  // of one struct (BTF_MAX_VLEN)

}  // namespace

/// Where members() gathers, with the bounds on all of it.
struct Btf::Collector {
  std::vector<Member> members;
  std::size_t visits = 0, characters = 0;

  bool full() const {
    constexpr std::size_t kMaxVisits = std::size_t{1} << 16, kMaxAll = std::size_t{1} << 15,
                          kMaxCharacters = std::size_t{16} << 20;
    return visits >= kMaxVisits || members.size() >= kMaxAll || characters >= kMaxCharacters;
  }
};

/// `index` is below record.count.
Btf::RawMember Btf::raw_member(const Record& record, std::uint32_t index) {
  const std::size_t at = 3 * std::size_t{index};
  RawMember member;
  member.name = record.word(at);
  member.type = record.word(at + 1);
  const auto place = record.word(at + 2);
  member.bits = record.flag ? place & 0xffffff : place;
  member.bit_size = record.flag ? place >> 24 : 0;
  return member;
}

/// The member as seen from its own struct, in which it must lie.
Result<Field> Btf::field_of(const RawMember& member, std::uint64_t struct_size) const {
  const auto malformed = [&](const char* why) {
    return fail(Errc::malformed, "BTF: member `" + std::string(string(member.name)) + "` " + why);
  };
  RINGSIDE_TRY(Field field, describe(member.type));
  std::uint64_t bits = member.bits;
  std::uint32_t bit_size = member.bit_size;
  if (bit_size == 0) {
    // Before kind_flag a bit field had an integer type of its own with fewer bits than its bytes hold.
    const auto bare = strip(member.type);
    if (const auto type = bare ? record(*bare) : Record{}; type.kind == Kind::integer) {
      const std::uint32_t encoding = type.word(0), above = (encoding >> 16) & 0xff, width = encoding & 0xff;
      if (above != 0 || width != std::uint64_t{type.size_or_type} * 8) {
        bits += above;
        bit_size = width;
        if (width == 0) return malformed("is an integer of no bits");
      }
    }
  }
  field.offset = static_cast<std::uint32_t>(bits / 8);
  if (bit_size > 0) {
    constexpr std::uint32_t kMaxBits = 64;
    if (bit_size > kMaxBits || field.count > 0 || field.is_pointer)
      return malformed("is no bit field that C allows");
    field.bit_offset = static_cast<std::uint8_t>(bits % 8);
    field.bit_size = static_cast<std::uint8_t>(bit_size);
    field.size = (field.bit_offset + bit_size + 7) / 8;
  } else if (bits % 8 != 0) {
    return malformed("does not start at a byte");
  }
  if (std::uint64_t{field.offset} + field.size > struct_size) return malformed("lies outside of its struct");
  return field;
}

void Btf::collect(Id id, const std::string& prefix, std::uint64_t offset, unsigned depth, unsigned level,
                  Collector& into) const {
  const auto type = record(id);
  if (level >= kMaxNesting || !type.aggregate()) return;
  const auto count = std::min(type.count, kMaxMembers);
  for (std::uint32_t i = 0; i < count && !into.full(); ++i) {
    ++into.visits;
    const auto raw = raw_member(type, i);
    auto field = field_of(raw, type.size_or_type);
    if (!field || offset + field->offset > std::numeric_limits<std::uint32_t>::max()) continue;
    field->offset += static_cast<std::uint32_t>(offset);
    const auto inner = strip(raw.type);
    const bool nested = inner && record(*inner).aggregate();
    const auto member_name = string(raw.name);
    if (member_name.empty()) {  // an anonymous struct or union, or padding
      if (nested) collect(*inner, prefix, field->offset, depth, level + 1, into);
      continue;
    }
    const std::string path = prefix + std::string(member_name);
    into.characters += path.size();
    into.members.push_back({path, *field, raw.type});
    if (nested && depth > 1) collect(*inner, path + ".", field->offset, depth - 1, level + 1, into);
  }
}

std::vector<Btf::Member> Btf::members(Id id, unsigned depth) const {
  Collector all;
  if (const auto bare = strip(id)) collect(*bare, {}, 0, depth, 0, all);
  return std::move(all.members);
}

}  // namespace ringside::guest::linux
