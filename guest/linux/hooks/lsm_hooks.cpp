// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/lsm_hooks.h"

#include "guest/linux/btf.h"
#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

namespace {

using Member = ObjectReader::Member;
using Presence = ObjectReader::Presence;

constexpr std::size_t kMaxName = 32;

/// The names of hooks are those of the members of the struct that holds them.
Result<std::vector<Btf::Member>> hook_members(Kernel& kernel, std::string_view type) {
  RINGSIDE_TRY(const auto btf, kernel.btf());
  const auto id = btf->find(Btf::Kind::struct_, type);
  if (!id) return fail(Errc::not_found, "this kernel has no struct " + std::string(type));
  auto members = btf->members(*id);
  if (members.size() > kMaxLsmHooks)
    return fail(Errc::out_of_bounds, "struct " + std::string(type) + " has too many members");
  return members;
}

class Reader {
 public:
  Reader(Kernel& kernel, Listing<LsmHook>& listing) : kernel_(kernel), listing_(listing) {}

  Result<void> lists(Gva heads) {
    RINGSIDE_TRY(const auto members, hook_members(kernel_, "security_hook_heads"));
    if (!entry_.missing().empty()) return fail(entry_.missing().front());
    RINGSIDE_TRY(const std::uint32_t link, kernel_.offset("security_hook_list", "list"));
    for (const auto& member : members) {
      if (full()) break;
      LsmHook hook;
      hook.hook = member.path;
      const auto walked = walk_hlist(kernel_, heads + member.field.offset, kMaxLsmFunctions, [&](Gva node) {
        hook.entry = Gva{node - Gva{link}};
        if (take_entry(hook)) listing_.entries.push_back(hook);
        ++hook.index;
        return true;
      });
      if (!walked) listing_.problem(walked.error().within("LSM hook " + member.path));
    }
    return {};
  }

  Result<void> static_calls(Gva table) {
    RINGSIDE_TRY(const auto members, hook_members(kernel_, "lsm_static_calls_table"));
    for (const auto* reader : {&entry_, &call_})
      if (!reader->missing().empty()) return fail(reader->missing().front());
    RINGSIDE_TRY(const Types* types, kernel_.types());
    RINGSIDE_TRY(const std::uint64_t size, types->size_of("lsm_static_call"));
    RINGSIDE_TRY(key_function_, kernel_.field("static_call_key", "func"));
    RINGSIDE_TRY(key_enabled_, kernel_.field_of("static_key_false", {"key.enabled.counter"}));
    for (const auto& member : members) {
      if (full()) break;
      const std::uint64_t places = size == 0 ? 0 : member.field.size / size;
      if (places > kMaxLsmFunctions) {
        listing_.problem({Errc::out_of_bounds, "LSM hook " + member.path + " has too many places"});
        continue;
      }
      for (std::uint32_t i = 0; i < places; ++i) {
        LsmHook hook;
        hook.hook = member.path;
        hook.index = i;
        take_call(table + member.field.offset + i * size, hook);
      }
    }
    return {};
  }

 private:
  bool full() {
    if (listing_.entries.size() < kMaxLsmHooks) return false;
    listing_.problem({Errc::out_of_bounds, "more LSM hooks than can be"});
    return true;
  }
  void take_call(Gva at, LsmHook& hook) {
    const auto lost = [&](const Error& error) { listing_.problem(error.within("LSM hook " + hook.hook)); };
    if (auto read = call_.read(at); !read) return lost(read.error());
    const Gva key = call_.pointer(key_).value_or(Gva{0}), active = call_.pointer(active_).value_or(Gva{0});
    hook.entry = call_.pointer(hl_).value_or(Gva{0});
    const auto called = kernel_.read_pointer_field(key, key_function_);
    const auto enabled = kernel_.read_field(active, key_enabled_);
    if (!called) return lost(called.error());
    if (!enabled) return lost(enabled.error());
    hook.called = *called;
    hook.enabled = *enabled != 0;
    if (hook.entry.value == 0) {
      if (hook.consistent() == true) return;
    } else if (!take_entry(hook)) {
      return;
    }
    listing_.entries.push_back(hook);
  }

  bool take_entry(LsmHook& hook) {
    if (auto read = entry_.read(hook.entry); !read) {
      listing_.problem(read.error().within("LSM hook " + hook.hook));
      return false;
    }
    hook.function = entry_.pointer(function_).value_or(Gva{0});
    const Gva name = entry_.pointer(name_).value_or(Gva{0}), id = entry_.pointer(id_).value_or(Gva{0});
    hook.lsm = id.value == 0 ? text(name) : text_of_id(id);
    return true;
  }

  /// struct lsm_id, from 6.8 on: many entries share few.
  const std::string& text_of_id(Gva id) {
    auto& known = ids_[id.value];
    if (!known) {
      const auto field = kernel_.field("lsm_id", "name");
      const auto at = field ? kernel_.read_pointer_field(id, *field) : fail(field.error());
      known = at ? text(*at) : std::string();
    }
    return *known;
  }
  std::string text(Gva at) {
    if (at.value == 0) return {};
    return kernel_.read_string(at, kMaxName).value_or(std::string());
  }

  Kernel& kernel_;
  Listing<LsmHook>& listing_;
  std::unordered_map<std::uint64_t, std::optional<std::string>> ids_;
  ObjectReader entry_{kernel_, "security_hook_list"}, call_{kernel_, "lsm_static_call"};
  const Member function_ = entry_.add("hook"), name_ = entry_.add("lsm", Presence::optional),
               id_ = entry_.add("lsmid", Presence::optional);
  const Member key_ = call_.add("key"), hl_ = call_.add("hl"), active_ = call_.add("active");
  Field key_function_, key_enabled_;
};

}  // namespace

Result<Listing<LsmHook>> lsm_hooks(Kernel& kernel) {
  Listing<LsmHook> listing;
  Reader reader(kernel, listing);
  if (const auto table = kernel.find_symbol("static_calls_table")) {
    RINGSIDE_CHECK(reader.static_calls(*table));
    return listing;
  }
  RINGSIDE_TRY(const auto heads, feature_root(kernel, "security_hook_heads", "security_add_hooks"));
  if (heads) RINGSIDE_CHECK(reader.lists(*heads));
  return listing;
}

}  // namespace ringside::guest::linux
