// SPDX-License-Identifier: Apache-2.0
// The one pass over a BTF when it is taken in: where its sections and types stand, and its names' index.
#include "guest/linux/btf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

namespace ringside::guest::linux {

namespace {

constexpr std::uint16_t kMagic = 0xeb9f;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderSize = 24;        // without the layout section
constexpr std::size_t kLayoutHeaderSize = 32;  // layout_off and layout_len, 7.x
constexpr std::size_t kTypeSize = 12;          // struct btf_type
constexpr std::size_t kMaxTypes = std::size_t{1} << 20;

/// Bytes behind struct btf_type: so many once, and so many for each of its vlen elements.
struct Tail {
  std::uint8_t once, each;
};
constexpr std::array<Tail, 20> kTails = {{
    {0, 0},   // void: never in a section
    {4, 0},   // INT
    {0, 0},   // PTR
    {12, 0},  // ARRAY
    {0, 12},  // STRUCT
    {0, 12},  // UNION
    {0, 8},   // ENUM
    {0, 0},   // FWD
    {0, 0},   // TYPEDEF
    {0, 0},   // VOLATILE
    {0, 0},   // CONST
    {0, 0},   // RESTRICT
    {0, 0},   // FUNC: vlen is its linkage
    {0, 8},   // FUNC_PROTO
    {4, 0},   // VAR
    {0, 12},  // DATASEC
    {0, 0},   // FLOAT
    {4, 0},   // DECL_TAG
    {0, 0},   // TYPE_TAG
    {0, 12},  // ENUM64
}};
static_assert(kTails.size() == static_cast<std::size_t>(Btf::Kind::unknown));

/// Kinds whose names are indexed. Functions are left out: they are half of all types and seldom asked for.
constexpr bool is_indexed(Btf::Kind kind) {
  switch (kind) {
    case Btf::Kind::integer:
    case Btf::Kind::struct_:
    case Btf::Kind::union_:
    case Btf::Kind::enum_:
    case Btf::Kind::enum64:
    case Btf::Kind::forward:
    case Btf::Kind::typedef_:
    case Btf::Kind::floating:
      return true;
    default:
      return false;
  }
}

bool inside(std::size_t offset, std::size_t size, std::size_t all) {
  return offset <= all && size <= all - offset;
}

}  // namespace

Btf::Btf(Bytes raw, unsigned pointer_size, std::shared_ptr<const Btf> base)
    : raw_(std::move(raw)), pointer_size_(pointer_size), base_(std::move(base)) {
  if (base_ == nullptr) return;
  first_id_ = base_->end_id();
  first_string_ = base_->strings_size();
  flagged_enums_ = base_->flagged_enums_;
}

Result<std::shared_ptr<const Btf>> Btf::parse(Bytes raw, unsigned pointer_size,
                                              std::shared_ptr<const Btf> base) {
  if (pointer_size != 4 && pointer_size != 8)
    return fail(Errc::invalid_argument, "BTF: a pointer of " + std::to_string(pointer_size) + " bytes");
  if (raw.size() > kMaxBytes)
    return fail(Errc::oversized,
                "BTF of " + std::to_string(raw.size()) + " bytes, more than " + std::to_string(kMaxBytes));
  if (base != nullptr && base->base_ != nullptr)
    return fail(Errc::invalid_argument, "BTF: the base of a split BTF is itself split");
  std::shared_ptr<Btf> made(new Btf(std::move(raw), pointer_size, std::move(base)));
  RINGSIDE_CHECK(made->read_header());
  made->read_types();
  made->index_names();
  return std::shared_ptr<const Btf>(std::move(made));
}

Result<void> Btf::read_header() {
  const ByteView bytes(raw_);
  if (bytes.size() < kHeaderSize)
    return fail(Errc::malformed,
                "BTF of " + std::to_string(bytes.size()) + " bytes, shorter than its header");
  if (load_le<std::uint16_t>(bytes) != kMagic)
    return fail(Errc::malformed, "BTF does not start with its magic number");
  if (load_le<std::uint8_t>(bytes, 2) != kVersion)
    return fail(Errc::unsupported, "BTF of version " + std::to_string(*load_le<std::uint8_t>(bytes, 2)));
  const auto word = [&](std::size_t at) {
    return std::size_t{load_le<std::uint32_t>(bytes, at).value_or(0)};
  };
  const std::size_t header = word(4);
  if (header < kHeaderSize || header > bytes.size())
    return fail(Errc::malformed, "BTF has a header of " + std::to_string(header) + " bytes");
  const std::size_t rest = bytes.size() - header;
  if (!inside(word(8), word(12), rest) || word(8) % sizeof(std::uint32_t) != 0)
    return fail(Errc::malformed, "BTF has its types outside of itself");
  if (!inside(word(16), word(20), rest))
    return fail(Errc::malformed, "BTF has its strings outside of itself");
  types_at_ = header + word(8);
  types_size_ = word(12);
  strings_at_ = header + word(16);
  strings_size_ = word(20);
  // One struct btf_layout {u8 info_sz, u8 elem_sz, u16 flags} a kind.
  if (header >= kLayoutHeaderSize && inside(word(24), word(28), rest)) {
    layouts_at_ = header + word(24);
    layouts_ = word(28) / sizeof(std::uint32_t);
  }
  return {};
}

std::optional<std::size_t> Btf::size_in_section(std::uint32_t kind, std::uint32_t count) const {
  if (kind == 0) return std::nullopt;
  if (kind < kTails.size()) return kTypeSize + kTails[kind].once + std::size_t{kTails[kind].each} * count;
  if (kind >= layouts_) return std::nullopt;
  const auto at = layouts_at_ + kind * sizeof(std::uint32_t);
  return kTypeSize + *load_le<std::uint8_t>(raw_, at) +
         std::size_t{*load_le<std::uint8_t>(raw_, at + 1)} * count;
}

void Btf::read_types() {
  const ByteView section = ByteView(raw_).subspan(types_at_, types_size_);
  const auto stop = [&](std::size_t at, const std::string& why) {
    problems_.push_back({Errc::malformed, "BTF: type " + std::to_string(end_id()) + " at byte " +
                                              std::to_string(at) + " of the types " + why +
                                              "; it and what follows is not known"});
  };
  constexpr std::size_t kUsualTypeSize = 20;
  places_.reserve(std::min(section.size() / kUsualTypeSize, kMaxTypes));
  for (std::size_t at = 0; at < section.size();) {
    if (places_.size() >= kMaxTypes) return stop(at, "is one too many");
    const auto info = load_le<std::uint32_t>(section, at + 4);
    if (!info) return stop(at, "is cut off");
    // 7 bits of kind and 24 of vlen: what was reserved, and zero, before 7.x.
    const std::uint32_t kind = (*info >> 24) & 0x7f;
    const auto size = size_in_section(kind, *info & 0xffffff);
    if (!size) return stop(at, "is of the unknown kind " + std::to_string(kind));
    if (*size > section.size() - at) return stop(at, "is cut off");
    const bool anonymous = load_le<std::uint32_t>(section, at) == 0u;
    if (kind < kTails.size() && is_indexed(static_cast<Kind>(kind)) && !anonymous)
      indexed_.push_back(end_id());
    if (kind == static_cast<std::uint32_t>(Kind::enum_)) {
      enums_.push_back(end_id());
      flagged_enums_ = flagged_enums_ || (*info >> 31) != 0;
    } else if (kind == static_cast<std::uint32_t>(Kind::enum64)) {
      enums_.push_back(end_id());
      flagged_enums_ = true;
    }
    places_.push_back(static_cast<std::uint32_t>(at));
    at += *size;
  }
}

/// Of buckets_, which must not be empty.
std::size_t Btf::bucket_of(std::string_view name) const {
  return std::hash<std::string_view>{}(name) & (buckets_.size() - 1);
}

void Btf::index_names() {
  if (indexed_.empty()) return;
  buckets_.assign(std::bit_ceil(indexed_.size()), 0);
  next_.assign(indexed_.size(), 0);
  // From the last to the first, so that a chain begins with its first type.
  for (std::size_t i = indexed_.size(); i-- > 0;) {
    auto& first = buckets_[bucket_of(string(record(indexed_[i]).name))];
    next_[i] = first;
    first = static_cast<std::uint32_t>(i) + 1;
  }
}

std::optional<Btf::Id> Btf::find(Kind kind, std::string_view name) const {
  if (name.empty()) return std::nullopt;
  if (base_ != nullptr)
    if (const auto found = base_->find(kind, name)) return found;
  const auto matches = [&](Id id) {
    const auto type = record(id);
    return type.kind == kind && string(type.name) == name;
  };
  if (is_indexed(kind)) {
    if (buckets_.empty()) return std::nullopt;
    for (auto at = buckets_[bucket_of(name)]; at != 0; at = next_[at - 1])
      if (matches(indexed_[at - 1])) return indexed_[at - 1];
    return std::nullopt;
  }
  for (Id id = first_id_; id < end_id(); ++id)
    if (matches(id)) return id;
  return std::nullopt;
}

}  // namespace ringside::guest::linux
