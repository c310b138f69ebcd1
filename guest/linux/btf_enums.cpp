// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/btf.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

// Most enumerators or members of one type (BTF_MAX_VLEN).
constexpr std::uint32_t kMaxEnumerators = 0xffff;
constexpr std::int32_t kLikelyNegative = -0x10000;

}  // namespace

/// Up to 5.19 an enum did not tell whether it is signed: it is then taken for signed if it has a value that
/// reads as a small negative number.
bool Btf::is_signed_enum(const Record& record) const {
  if (record.kind == Kind::enum64 || flagged_enums_) return record.flag;
  const auto count = std::min(record.count, kMaxEnumerators);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto value = static_cast<std::int32_t>(record.word(2 * std::size_t{i} + 1));
    if (value < 0 && value >= kLikelyNegative) return true;
  }
  return false;
}

Btf::Enumerator Btf::enumerator_at(const Record& record, std::uint32_t index, bool is_signed) const {
  if (record.kind == Kind::enum64) {
    const std::size_t at = 3 * std::size_t{index};
    const auto value = record.word(at + 1) | std::uint64_t{record.word(at + 2)} << 32;
    return {string(record.word(at)), static_cast<std::int64_t>(value)};
  }
  const std::size_t at = 2 * std::size_t{index};
  const auto value = record.word(at + 1);
  return {string(record.word(at)), is_signed ? std::int64_t{static_cast<std::int32_t>(value)} : value};
}

std::vector<Btf::Enumerator> Btf::enumerators(Id id) const {
  std::vector<Enumerator> all;
  const auto bare = strip(id);
  const auto type = bare ? record(*bare) : Record{};
  if (type.kind != Kind::enum_ && type.kind != Kind::enum64) return all;
  const auto count = std::min(type.count, kMaxEnumerators);
  const bool is_signed = is_signed_enum(type);
  all.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(enumerator_at(type, i, is_signed));
  return all;
}

std::optional<std::int64_t> Btf::value_in(Id id, std::string_view name) const {
  const auto type = record(id);
  const auto count = std::min(type.count, kMaxEnumerators);
  const std::size_t words = type.kind == Kind::enum64 ? 3 : 2;
  for (std::uint32_t i = 0; i < count; ++i)
    if (string(type.word(words * i)) == name) return enumerator_at(type, i, is_signed_enum(type)).value;
  return std::nullopt;
}

Result<std::int64_t> Btf::enumerator(std::string_view enum_name, std::string_view name) const {
  if (!enum_name.empty()) {
    std::optional<Id> id;
    for (const auto kind : {Kind::enum_, Kind::enum64, Kind::typedef_})
      if (!id) id = find(kind, enum_name);
    if (id) id = strip(*id);
    if (!id || (kind(*id) != Kind::enum_ && kind(*id) != Kind::enum64))
      return fail(Errc::not_found, "the kernel's BTF has no enum `" + std::string(enum_name) + "`");
    if (const auto value = value_in(*id, name)) return *value;
    return fail(Errc::not_found,
                "enum " + std::string(enum_name) + " has no enumerator `" + std::string(name) + "`");
  }
  for (const auto* btf : {base_.get(), this}) {
    if (btf == nullptr) continue;
    for (const Id id : btf->enums_)
      if (const auto value = value_in(id, name)) return *value;
  }
  return fail(Errc::not_found, "the kernel's BTF has no enumerator `" + std::string(name) + "`");
}

}  // namespace ringside::guest::linux
