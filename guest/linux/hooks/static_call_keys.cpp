// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/static_call_keys.h"

#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/symboliser.h"
#include "guest/linux/text/static_call_trampolines.h"

#include <map>
#include <vector>

namespace ringside::guest::linux {

namespace {

using Presence = ObjectReader::Presence;

// struct static_call_site: two offsets of 32 bits, each relative to its own place; the low bits of the second
// are flags (STATIC_CALL_SITE_FLAGS).
constexpr std::uint64_t kSiteSize = 8, kFlags = 3;

/// Sites by the key that they name.
using Keys = std::map<std::uint64_t, std::uint32_t>;

void take_sites(Kernel& kernel, Gva first, std::uint64_t count, std::string_view whose, Keys& keys,
                Listing<StaticCallKey>& listing) {
  if (count > kMaxStaticCallSites)
    return listing.problem({Errc::out_of_bounds, std::string(whose) + " is said to have " +
                                                     std::to_string(count) + " sites of static calls"});
  std::vector<std::int32_t> words(2 * count);
  if (auto read = kernel.space().read(first, std::as_writable_bytes(std::span(words))); !read)
    return listing.problem(read.error().within("sites of static calls of " + std::string(whose)));
  for (std::uint64_t i = 0; i < count; ++i)
    ++keys[relative_to(first + kSiteSize * i + 4, words[2 * i + 1]).value & ~kFlags];
}

/// With 32 bits no call is patched in place, and no table names the keys.
void take_trampolines(Kernel& kernel, Keys& keys) {
  each_trampoline(kernel, [&](Gva, std::optional<Gva> key) {
    if (key) keys.emplace(key->value, 0);
    return keys.size() < kMaxStaticCallSites;
  });
}

void take_modules(Kernel& kernel, Keys& keys, Listing<StaticCallKey>& listing) {
  ObjectReader module(kernel, "module");
  const auto count = module.add("num_static_call_sites", Presence::optional),
             table = module.add("static_call_sites", Presence::optional);
  if (!module.has(count) || !module.has(table)) return;
  auto& symboliser = Symboliser::of(kernel);
  for (const Module& one : symboliser.modules()) {
    if (one.state != ModuleState::live) continue;
    if (auto read = module.read(one.address); !read) {
      listing.problem(read.error().within("static calls of module " + one.name));
      continue;
    }
    // Negative before the module is set up: an int.
    const auto entries = static_cast<std::int32_t>(module.u32(count).value_or(0));
    if (entries > 0)
      take_sites(kernel, module.pointer(table).value_or(Gva{0}), static_cast<std::uint32_t>(entries),
                 "module " + one.name, keys, listing);
  }
  for (const auto& problem : symboliser.problems()) listing.problem(problem);
}

}  // namespace

Result<Listing<StaticCallKey>> static_call_keys(Kernel& kernel) {
  Listing<StaticCallKey> listing;
  Keys keys;
  if (kernel.identity().bits == 32) take_trampolines(kernel, keys);
  if (keys.empty()) {
    RINGSIDE_TRY(const auto first, feature_root(kernel, "__start_static_call_sites", "__static_call_update"));
    if (!first) return listing;
    RINGSIDE_TRY(const Gva end, kernel.symbol("__stop_static_call_sites"));
    if (end < *first) return fail(Errc::malformed, "the table of static calls ends before it begins");
    take_sites(kernel, *first, (end - *first) / kSiteSize, "the kernel", keys, listing);
  }
  RINGSIDE_TRY(const Field function, kernel.field("static_call_key", "func"));
  take_modules(kernel, keys, listing);
  for (const auto& [address, sites] : keys) {
    const auto held = kernel.read_pointer_field(Gva{address}, function);
    if (held)
      listing.entries.push_back({Gva{address}, *held, sites});
    else
      listing.problem(held.error().within("the static_call_key at " + to_string(Gva{address})));
  }
  return listing;
}

}  // namespace ringside::guest::linux
