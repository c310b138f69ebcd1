// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/hook.h"

#include "guest/linux/symbol_extent.h"
#include "guest/linux/walkers.h"

#include <algorithm>

namespace ringside::guest::linux {

std::string_view to_string(Hook::Kind kind) {
  return kind == Hook::Kind::function ? "function" : "table";
}

HookReader::HookReader(Kernel& kernel, std::string_view type, Members members)
    : kernel_(kernel), type_(type), object_(kernel, type) {
  if (members == Members::functions) add_functions();
}

/// A typedef or a qualifier may stand between the member and the pointer, and between that and the function.
void HookReader::add_functions() {
  const auto types = kernel_.btf();
  if (!types) {
    problem_ = types.error();
    return;
  }
  const Btf& btf = **types;
  const auto id = btf.find(Btf::Kind::struct_, type_);
  if (!id) {
    problem_ = Error{Errc::not_found, "this kernel has no struct " + type_};
    return;
  }
  const auto bare = [&](Btf::Id type) {
    constexpr unsigned kMaxSteps = 16;
    for (unsigned step = 0; step < kMaxSteps; ++step) {
      switch (btf.kind(type)) {
        case Btf::Kind::typedef_:
        case Btf::Kind::const_:
        case Btf::Kind::volatile_:
        case Btf::Kind::restrict_:
        case Btf::Kind::type_tag:
          type = btf.refers_to(type);
          continue;
        default:
          return type;
      }
    }
    return type;
  };
  for (const Btf::Member& member : btf.members(*id, 2)) {
    const Btf::Id pointer = bare(member.type);
    if (btf.kind(pointer) != Btf::Kind::pointer) continue;
    if (btf.kind(bare(btf.refers_to(pointer))) != Btf::Kind::function_proto) continue;
    add(member.path, {member.path});
  }
}

void HookReader::add(std::string_view slot, std::initializer_list<std::string_view> paths, Hook::Kind kind) {
  const auto field = kernel_.field_of(type_, paths);
  if (!field || !field->is_pointer) return;
  // Several members of one union are one pointer.
  const auto same = [&](const Slot& other) { return other.offset == field->offset; };
  if (std::any_of(slots_.begin(), slots_.end(), same)) return;
  slots_.push_back(
      {std::string(slot), kind, field->offset, object_.add(paths, ObjectReader::Presence::optional)});
}

std::optional<Error> HookReader::problem() const {
  if (problem_) return problem_;
  if (!object_.missing().empty()) return object_.missing().front();
  if (slots_.empty())
    return Error{Errc::not_found, "struct " + type_ + " has none of the pointers that are looked for"};
  return std::nullopt;
}

Result<void> HookReader::read(Gva at) {
  at_ = at;
  return object_.read(at);
}

void HookReader::append(Hook like, Hooks& into) const {
  for (const Slot& slot : slots_) {
    const auto target = object_.pointer(slot.member);
    if (!target || target->value == 0) continue;
    if (into.entries.size() >= kMaxHooks)
      return into.problem({Errc::out_of_bounds, "more than " + std::to_string(kMaxHooks) + " pointers"});
    Hook& hook = into.entries.emplace_back(like);
    hook.slot = slot.name;
    hook.kind = slot.kind;
    hook.object = at_;
    hook.place = at_ + slot.offset;
    hook.target = *target;
  }
}

Result<void> require_types(Kernel& kernel) {
  RINGSIDE_CHECK(kernel.btf());
  return {};
}

void each_in_list(Kernel& kernel, Gva head, std::string_view type, std::string_view link,
                  std::string_view what, Hooks& into, const std::function<void(Gva)>& visit,
                  std::uint64_t max) {
  const auto offset = kernel.offset(type, link);
  if (!offset) return into.problem(offset.error().within(std::string(what)));
  const auto walked = walk_list(kernel, head, max, [&](Gva node) {
    visit(Gva{node.value - *offset});
    return true;
  });
  if (!walked) into.problem(walked.error().within(std::string(what)));
}

std::string text_at(Kernel& kernel, std::optional<Gva> at, std::size_t most) {
  if (!at || at->value == 0) return {};
  return kernel.read_string(*at, most).value_or(std::string());
}

std::uint64_t array_length(Kernel& kernel, Gva array, std::uint64_t element, std::uint64_t most) {
  if (element == 0) return 0;
  return bytes_to_next_symbol(kernel, array, element * most) / element;
}

}  // namespace ringside::guest::linux
