// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/recovered_types.h"

#include "guest/linux/recovery.h"

#include <charconv>

namespace ringside::guest::linux {
namespace {

/// "name[2]" taken apart; nullopt: no subscript.
struct Subscript {
  std::string_view name;
  std::uint32_t index = 0;
};
std::optional<Subscript> subscript(std::string_view path) {
  const auto open = path.rfind('[');
  if (open == std::string_view::npos || !path.ends_with(']')) return std::nullopt;
  const std::string_view digits = path.substr(open + 1, path.size() - open - 2);
  Subscript result{path.substr(0, open), 0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.index);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return result;
}

Error unknown(std::string_view type, std::string_view what) {
  return {Errc::unavailable, "this kernel holds no type information, and " + std::string(what) + " of " +
                                 std::string(type) + " could not be worked out from its memory"};
}

}  // namespace

std::optional<RecoveredTypes::Member> RecoveredTypes::find(std::string_view type,
                                                           std::string_view path) const {
  if (const auto found = members_.find(Key(type, path)); found != members_.end()) return found->second;
  const auto element = subscript(path);
  const auto array = element ? members_.find(Key(type, element->name)) : members_.end();
  if (array == members_.end() || element->index >= array->second.field.count) return std::nullopt;
  Member member = array->second;
  member.field.offset += element->index * member.field.element_size;
  member.field.size = member.field.element_size;
  member.field.count = member.field.element_size = 0;
  return member;
}

Result<Field> RecoveredTypes::field(std::string_view type, std::string_view path) const {
  if (const auto member = find(type, path)) return member->field;
  if (const auto element = subscript(path); element && find(type, element->name))
    return fail(Errc::not_found, std::string(path) + " of struct " + std::string(type) + " is out of bounds");
  // Through a member that is a struct itself; the longest name first.
  for (auto dot = path.rfind('.'); dot != std::string_view::npos && dot > 0; dot = path.rfind('.', dot - 1)) {
    const auto outer = find(type, path.substr(0, dot));
    if (!outer || outer->inner.empty()) continue;
    auto inner = field(outer->inner, path.substr(dot + 1));
    if (!inner) continue;
    inner->offset += outer->field.offset;
    return inner;
  }
  return fail(unknown("struct " + std::string(type), "member `" + std::string(path) + "`"));
}

Result<std::uint64_t> RecoveredTypes::size_of(std::string_view type) const {
  const auto found = sizes_.find(type);
  if (found == sizes_.end()) return fail(unknown(type, "the size"));
  return found->second;
}

Result<std::int64_t> RecoveredTypes::enumerator(std::string_view enum_name, std::string_view name) const {
  for (const auto& [key, value] : enumerators_)
    if (key.second == name && (enum_name.empty() || key.first == enum_name)) return value;
  return fail(unknown("enum " + std::string(enum_name), "the value of " + std::string(name)));
}

void RecoveredTypes::add(std::string_view type, std::string_view member, Field field,
                         std::string_view inner) {
  members_[Key(type, member)] = {field, std::string(inner)};
}

void RecoveredTypes::add_size(std::string_view type, std::uint64_t bytes) {
  sizes_[std::string(type)] = bytes;
}

void RecoveredTypes::add_enumerator(std::string_view enum_name, std::string_view name, std::int64_t value) {
  enumerators_[Key(enum_name, name)] = value;
}

std::vector<std::pair<std::string, Field>> RecoveredTypes::members() const {
  std::vector<std::pair<std::string, Field>> all;
  for (const auto& [key, member] : members_) all.emplace_back(key.first + "." + key.second, member.field);
  return all;
}

Result<std::shared_ptr<const RecoveredTypes>> recover_types(Kernel& kernel) {
  if (kernel.identity().bits != 32)
    return fail(Errc::unsupported,
                "layouts are worked out for 32-bit kernels only: others hold type information");
  Recovery recovery(kernel);
  add_lasting_layouts(recovery);
  RINGSIDE_CHECK(recover_tasks(recovery));
  recover_scheduling(recovery);
  recover_credentials(recovery);
  recover_process_groups(recovery);
  recover_namespaces(recovery);
  recover_address_spaces(recovery);
  recover_files(recovery);
  recover_modules(recovery);
  return std::make_shared<const RecoveredTypes>(std::move(recovery.types));
}

}  // namespace ringside::guest::linux
