// SPDX-License-Identifier: Apache-2.0
// Members by their dotted path.
#include "guest/linux/btf.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace ringside::guest::linux {

namespace {

constexpr unsigned kMaxNesting = 16;       // anonymous structs inside each other
constexpr unsigned kMaxElements = 32;      // of a path
constexpr unsigned kMaxVisits = 1u << 17;  // members looked at for one path
constexpr std::uint32_t kMaxMembers = 0xffff;
constexpr std::uint64_t kMaxOffset = std::numeric_limits<std::uint32_t>::max();

/// Cuts `text` in two at the first of `marks`; the second part starts with the mark.
std::pair<std::string_view, std::string_view> cut(std::string_view text, std::string_view marks) {
  const auto at = std::min(text.find_first_of(marks), text.size());
  return {text.substr(0, at), text.substr(at)};
}

}  // namespace

/// The member `name` of the struct `id` that stands at `offset`, itself or in its anonymous members; nullopt
/// if there is none.
Result<std::optional<Btf::Found>> Btf::find_member(Id id, std::string_view name, std::uint64_t offset,
                                                   unsigned level, unsigned& budget) const {
  const auto type = record(id);
  if (level >= kMaxNesting || !type.aggregate()) return std::nullopt;
  const auto count = std::min(type.count, kMaxMembers);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (budget-- == 0) return fail(Errc::out_of_bounds, "BTF: structs nested too often");
    const auto raw = raw_member(type, i);
    const auto member_name = string(raw.name);
    if (member_name != name && !member_name.empty()) continue;
    if (!member_name.empty()) {
      RINGSIDE_TRY(Field field, field_of(raw, type.size_or_type));
      if (offset + field.offset > kMaxOffset) return fail(Errc::out_of_bounds, "BTF: a struct beyond 4 GiB");
      field.offset += static_cast<std::uint32_t>(offset);
      return Found{raw.type, field};
    }
    const auto inner = strip(raw.type);
    if (!inner || !record(*inner).aggregate()) continue;
    RINGSIDE_TRY(const Field around, field_of(raw, type.size_or_type));
    RINGSIDE_TRY(auto found, find_member(*inner, name, offset + around.offset, level + 1, budget));
    if (found) return found;
  }
  return std::nullopt;
}

/// Goes from an array to its element `digits`. A flexible array has as many as one asks for.
Result<void> Btf::subscript(std::string_view digits, Id& type, Field& field) const {
  const auto index = parse_number(digits);
  if (!index) return fail(Errc::invalid_argument, "`[" + std::string(digits) + "]` is no index");
  const auto bare = strip(type);
  const auto array = bare ? record(*bare) : Record{};
  if (array.kind != Kind::array || field.bit_size > 0)
    return fail(Errc::not_found, "`[" + std::string(digits) + "]` asks for an element of what is no array");
  const auto elements = array.word(2);
  if (elements != 0 && *index >= elements)
    return fail(Errc::out_of_bounds, "the array has " + std::to_string(elements) + " elements");
  type = array.word(0);
  RINGSIDE_TRY(Field element, describe(type));
  if (*index > kMaxOffset || field.offset + *index * element.size > kMaxOffset)
    return fail(Errc::out_of_bounds, "element " + std::to_string(*index) + " lies beyond 4 GiB");
  element.offset = static_cast<std::uint32_t>(field.offset + *index * element.size);
  field = element;
  return {};
}

Result<Field> Btf::field(std::string_view type, std::string_view path) const {
  RINGSIDE_TRY(const Id id, named(type));
  RINGSIDE_TRY(const Member found, member(id, path));
  return found.field;
}

Result<Btf::Member> Btf::member(Id id, std::string_view path) const {
  const auto outer = strip(id);
  const auto type = outer ? record(*outer) : Record{};
  const std::string name_of(string(record(id).name));
  if (!type.aggregate()) return fail(Errc::not_found, "`" + name_of + "` is no struct or union");

  const std::string of_what = (type.kind == Kind::union_ ? "union " : "struct ") + name_of;
  const std::string context = of_what + ", member `" + std::string(path) + "`";
  Member result;
  result.path = path;
  result.type = *outer;
  unsigned budget = kMaxVisits;
  std::string_view rest = path;
  for (unsigned element = 0; element < kMaxElements; ++element) {
    std::string_view name;
    std::tie(name, rest) = cut(rest, ".[");
    const auto inside = strip(result.type);
    auto found = inside && !name.empty() ? find_member(*inside, name, result.field.offset, 0, budget)
                                         : Result<std::optional<Found>>(std::nullopt);
    if (!found) return fail(found.error().within(context));
    if (!*found) return fail(Errc::not_found, of_what + " has no member `" + std::string(path) + "`");
    result.field = (*found)->field;
    result.type = (*found)->type;
    while (rest.starts_with('[')) {
      const auto [digits, close] = cut(rest.substr(1), "]");
      if (close.empty()) return fail(Errc::invalid_argument, context + ": a bracket is not closed");
      if (auto done = subscript(digits, result.type, result.field); !done)
        return fail(done.error().within(context));
      rest = close.substr(1);
    }
    if (rest.empty()) return result;
    if (!rest.starts_with('.')) return fail(Errc::invalid_argument, context + ": `.` or `[` is missing");
    rest.remove_prefix(1);
  }
  return fail(Errc::out_of_bounds, context + ": more than " + std::to_string(kMaxElements) + " elements");
}

}  // namespace ringside::guest::linux
