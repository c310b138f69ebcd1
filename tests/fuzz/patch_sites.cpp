// SPDX-License-Identifier: Apache-2.0
// A kernel that patches its code, damaged: the input is a list of writes over the memory that holds its
// tables and its code. Whatever they say, working out what must stand where ends, and stays within its
// bounds.
#include "guest/linux/text/kept_text.h"
#include "guest/linux/text/site_collector.h"
#include "guest/linux/text/text_changes.h"
#include "tests/unit/support/text_world.h"

#include <cstdlib>

namespace {

namespace linux = ringside::guest::linux;
using ringside::guest::Gva;
using ringside::testing::TextWorld;

constexpr std::uint64_t kFirst = 0x200000, kSpan = 0x8000;
/// One write: bytes 0 to 3 say where, 4 to 11 what.
constexpr std::size_t kWrite = 12;
constexpr std::uint64_t kEnabled = 1u << 31, kTrampoline = 1u << 27, kDirect = 1u << 23;

Gva at(std::uint64_t offset) {
  return Gva{TextWorld::kText + offset};
}

void build(TextWorld& world) {
  auto& kernel = world.kernel;
  const Gva key = world.number(1), func = world.pointer(at(0x2000).value);
  world.jumps = {{at(0x10), at(0x1000), key}, {at(0x20), at(0x28), key, 1}};
  world.calls = {{at(0x30), func}, {at(0x40), func, 1}};
  world.records = {{at(0x50)}, {at(0x60), kEnabled | kTrampoline}, {at(0x70), kEnabled | kDirect}};
  const Gva ops = kernel.allocate(24), hash = kernel.allocate(16), bucket = kernel.allocate(8),
            entry = kernel.allocate(32), hashes = kernel.allocate(16),
            end = kernel.define_variable("ftrace_list_end", 24);
  kernel.put(entry + 16, at(0x70).value);
  kernel.put(entry + 24, at(0x3000).value);
  kernel.put(bucket, entry.value);
  kernel.put(hash + 8, bucket.value);
  kernel.put(hashes + 8, hash.value);
  kernel.put(ops, end.value);
  kernel.put(ops + 8, at(0x4000).value);
  kernel.put(ops + 16, hashes.value);
  kernel.put(kernel.define_variable("ftrace_ops_list", 8), ops.value);
  kernel.put(kernel.define_variable("direct_functions", 8), hash.value);
  kernel.define("register_kprobe", at(0x7000), 'T');
  const Gva probes = kernel.define_variable("kprobe_table", 64 * 8), probe = kernel.allocate(40);
  kernel.put(probe + 16, at(0x80).value);
  kernel.put(probes, probe.value);
  world.patching(at(0x10), 1);
  world.code(at(0x10), {0xcc});
  world.add_module("veth", Gva{TextWorld::kModule},
                   {{Gva{TextWorld::kModule + 16}, Gva{TextWorld::kModule + 64}, key}});
  world.finish();
}

void require(bool truth) {
  if (!truth) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kept = [] {
    TextWorld healthy;
    build(healthy);
    return std::make_shared<const linux::KeptText>(linux::keep_text(healthy.kernel).value());
  }();
  TextWorld world;
  build(world);
  auto& kernel = world.kernel;
  const auto bytes = std::as_bytes(std::span(data, size));
  for (std::size_t i = 0; i + kWrite <= bytes.size() && i < 64 * kWrite; i += kWrite)
    kernel.memory().write({kFirst + *ringside::load_le<std::uint32_t>(bytes, i) % kSpan},
                          bytes.subspan(i + 4, 8));

  linux::PatchSites& sites = linux::PatchSites::of(kernel);
  require(sites.all().size() <= linux::SiteCollector::kMaxSites);
  for (const auto& site : sites.all()) {
    require(sites.text().region_of(site.first).has_value());
    require(site.count > 0 && site.size() <= linux::CodeBytes::kMax);
    (void)sites.look(site);
  }
  for (const bool of_modules : {false, true})
    (void)linux::text_changes(kernel, linux::TextReferences(kernel, {linux::first_seen(kept)}),
                              {of_modules, true}, [](const linux::TextChange& change) {
                                require(!change.actual.empty());
                                return true;
                              });
  (void)linux::keep_text(kernel);
  return 0;
}
