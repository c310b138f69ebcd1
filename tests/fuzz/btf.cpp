// SPDX-License-Identifier: Apache-2.0
// The input is a BTF of its own, and a module's over a fixed base; every type of it is asked for everything.
#include "guest/linux/btf.h"

#include "tests/unit/support/btf_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace {

using namespace ringside;
using guest::linux::Btf;

std::shared_ptr<const Btf> make_base() {
  testing::BtfWriter w;
  const auto u32 = w.integer("unsigned int", 4);
  const auto list = w.struct_("list_head", 16, {{"next", w.next() + 1, 0}, {"prev", w.next() + 1, 64}});
  w.pointer(list);
  w.struct_("", 8, {{"a", u32, 0}, {"b", u32, 32}});
  w.array(list, 2);
  return Btf::parse(w.finish(), 8).value();
}

void ask(const Btf& btf) {
  constexpr Btf::Id kMaxIds = 64;
  if (btf.end_id() < btf.first_id()) __builtin_trap();
  const Btf::Id end = std::min(btf.end_id(), btf.first_id() + kMaxIds);
  for (Btf::Id id = 0; id <= end; ++id) {
    const auto name = btf.name(id);
    if (name.size() > 512) __builtin_trap();
    constexpr std::size_t kLongestSpelling = 64 * 1024;
    if (btf.spelled(id).size() > kLongestSpelling) __builtin_trap();
    const auto size = btf.size_of(id);
    (void)btf.enumerators(id);
    const auto kind = btf.kind(id);
    const auto first = btf.find(kind, name);
    if (first && (btf.kind(*first) != kind || btf.name(*first) != name || *first > id)) __builtin_trap();
    if (id == end - 1) (void)btf.members(id, 3);
    if (kind != Btf::Kind::struct_ && kind != Btf::Kind::union_) continue;
    const bool reachable = first && *first == id;
    std::size_t asked = 0;
    for (const auto& member : btf.members(id)) {
      const auto& field = member.field;
      if (!size || std::uint64_t{field.offset} + field.size > *size) __builtin_trap();
      if (field.bit_size > 0 && (field.bit_offset > 7 || field.bit_size > 64 || field.size > 9))
        __builtin_trap();
      if (field.count > 0 && std::uint64_t{field.count} * field.element_size != field.size) __builtin_trap();
      constexpr std::size_t kMaxAsked = 32;
      if (reachable && ++asked < kMaxAsked) (void)btf.field(name, member.path + "[1]");
      if (reachable && asked < kMaxAsked) (void)btf.field(name, member.path);
    }
  }
  (void)btf.enumerator("", "NONE");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto base = make_base();
  const auto bytes = std::as_bytes(std::span(data, size));
  const Bytes raw(bytes.begin(), bytes.end());
  if (const auto alone = Btf::parse(raw, 4)) ask(**alone);
  if (const auto split = Btf::parse(raw, 8, base)) ask(**split);
  return 0;
}
