// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/btf.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace ringside::guest::linux {

namespace {

// Typedefs and qualifiers stacked on a type, and dimensions of an array. The kernel allows 32
// (kernel/bpf/btf.c, MAX_RESOLVE_DEPTH); a chain without end is a cycle.
constexpr unsigned kMaxSteps = 64;
// The longest name that is taken (KSYM_NAME_LEN of 6.1 and newer); what is longer is cut there.
constexpr std::size_t kMaxName = 512;

constexpr std::string_view word_for(Btf::Kind kind) {
  switch (kind) {
    case Btf::Kind::union_:
      return "union";
    case Btf::Kind::enum_:
    case Btf::Kind::enum64:
      return "enum";
    default:
      return "struct";
  }
}

}  // namespace

Btf::Record Btf::record(Id id) const {
  Record record;
  if (id == 0) {
    record.kind = Kind::void_;
    return record;
  }
  if (id < first_id_) return base_ != nullptr ? base_->record(id) : record;
  const std::size_t index = id - first_id_;
  if (index >= places_.size()) return record;
  constexpr std::size_t kTypeSize = 12;
  const std::size_t at = places_[index];
  const std::size_t end = index + 1 < places_.size() ? places_[index + 1] : types_size_;
  const auto bytes = ByteView(raw_).subspan(types_at_ + at, end - at);
  std::array<std::uint32_t, 3> words;
  std::memcpy(words.data(), bytes.data(), kTypeSize);
  const auto kind = (words[1] >> 24) & 0x7f;
  record.kind = kind < static_cast<std::uint32_t>(Kind::unknown) ? static_cast<Kind>(kind) : Kind::unknown;
  record.flag = (words[1] >> 31) != 0;
  record.count = words[1] & 0xffffff;
  record.name = words[0];
  record.size_or_type = words[2];
  record.tail = bytes.subspan(kTypeSize);
  return record;
}

std::string_view Btf::string(std::uint32_t offset) const {
  if (offset < first_string_) return base_ != nullptr ? base_->string(offset) : std::string_view{};
  const std::size_t at = offset - first_string_;
  if (at >= strings_size_) return {};
  const char* text = reinterpret_cast<const char*>(raw_.data()) + strings_at_ + at;
  return {text, strnlen(text, std::min(strings_size_ - at, kMaxName))};
}

Btf::Kind Btf::kind(Id id) const {
  return record(id).kind;
}

std::string_view Btf::name(Id id) const {
  return string(record(id).name);
}

Btf::Id Btf::refers_to(Id id) const {
  const auto type = record(id);
  switch (type.kind) {
    case Kind::pointer:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::function:
    case Kind::variable:
    case Kind::type_tag:
      return type.size_or_type;
    default:
      return 0;
  }
}

/// What stands behind typedefs and qualifiers; nullopt if they do not end.
std::optional<Btf::Id> Btf::strip(Id id) const {
  for (unsigned step = 0; step < kMaxSteps; ++step) {
    const auto type = record(id);
    switch (type.kind) {
      case Kind::typedef_:
      case Kind::const_:
      case Kind::volatile_:
      case Kind::restrict_:
      case Kind::type_tag:
        id = type.size_or_type;
        break;
      default:
        return id;
    }
  }
  return std::nullopt;
}

/// A Field at offset 0 for a value of type `id`.
Result<Field> Btf::describe(Id id) const {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  const auto oversized = [&] { return fail(Errc::out_of_bounds, "BTF: an array of more than 4 GiB"); };
  Field field;
  std::uint64_t elements = 1;
  bool array = false;
  for (unsigned step = 0; step < kMaxSteps; ++step) {
    const auto bare = strip(id);
    if (!bare) break;
    const auto type = record(*bare);
    switch (type.kind) {
      case Kind::array:
        array = true;
        elements *= type.word(2);  // both are below 2^32
        if (elements > kMax) return oversized();
        id = type.word(0);
        continue;
      case Kind::pointer:
        field.is_pointer = true;
        field.element_size = pointer_size_;
        break;
      case Kind::integer:
        field.is_signed = (type.word(0) >> 24 & 1) != 0;
        field.element_size = type.size_or_type;
        break;
      case Kind::enum_:
      case Kind::enum64:
        field.is_signed = is_signed_enum(type);
        field.element_size = type.size_or_type;
        break;
      case Kind::struct_:
      case Kind::union_:
      case Kind::floating:
        field.element_size = type.size_or_type;
        break;
      case Kind::forward:
        return fail(Errc::unavailable, std::string(type.flag ? "union " : "struct ") +
                                           std::string(string(type.name)) + " is only declared");
      default:
        return fail(Errc::malformed, "BTF: type " + std::to_string(*bare) + " has no size");
    }
    if (elements * field.element_size > kMax) return oversized();
    field.size = static_cast<std::uint32_t>(elements * field.element_size);
    field.count = array ? static_cast<std::uint32_t>(elements) : 0;
    if (!array) field.element_size = 0;
    return field;
  }
  return fail(Errc::malformed, "BTF: type " + std::to_string(id) + " leads back to itself");
}

Result<std::uint64_t> Btf::size_of(Id id) const {
  RINGSIDE_TRY(const Field field, describe(id));
  return field.size;
}

/// The complete type that C knows by `type`, without the words struct, union or enum.
Result<Btf::Id> Btf::named(std::string_view type) const {
  for (const auto kind : {Kind::struct_, Kind::union_, Kind::typedef_, Kind::integer, Kind::enum_,
                          Kind::enum64, Kind::floating})
    if (const auto found = find(kind, type)) return *found;
  const bool declared = find(Kind::forward, type).has_value();
  return fail(Errc::not_found, "the kernel's BTF has no type `" + std::string(type) + "`" +
                                   (declared ? ", only a declaration of it" : ""));
}

Result<std::uint64_t> Btf::size_of(std::string_view type) const {
  RINGSIDE_TRY(const Id id, named(type));
  auto size = size_of(id);
  if (!size) return fail(size.error().within(std::string(word_for(kind(id))) + " " + std::string(type)));
  return size;
}

}  // namespace ringside::guest::linux
