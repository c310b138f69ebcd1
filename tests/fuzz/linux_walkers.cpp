// SPDX-License-Identifier: Apache-2.0
// The input fills the guest's first pages, repeated; its first bytes choose the width of a pointer and where
// each walk begins. Addresses are small numbers, so that links often hit.
#include "guest/linux/walkers.h"
#include "tests/unit/support/fake_kernel.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>

namespace {

using namespace ringside;
using guest::Gva;
using testing::FakeKernel;

constexpr std::uint64_t kMax = 256;

/// The layouts of include/linux/xarray.h and include/linux/maple_tree.h.
void add_types(FakeKernel& kernel) {
  auto& w = kernel.btf_writer();
  const bool wide = kernel.pointer_size() == 8;
  const std::uint32_t pointer = kernel.pointer_size() * 8, range = wide ? 16 : 32, arange = wide ? 10 : 21;
  const auto word = w.integer("unsigned long", kernel.pointer_size()), u8 = w.integer("unsigned char", 1),
             any = w.pointer(0);
  const auto slots = w.array(any, 64);
  w.struct_("xarray", 16, {{"xa_head", any, 64}});
  w.struct_("xa_node", 576, {{"shift", u8, 0}, {"slots", slots, 5 * pointer}});
  w.struct_("maple_tree", 16, {{"ma_root", any, 64}});
  const auto pivots = w.array(word, range - 1), range_slots = w.array(any, range);
  w.struct_("maple_range_64", 256, {{"pivot", pivots, pointer}, {"slot", range_slots, range * pointer}});
  const auto apivots = w.array(word, arange - 1), arange_slots = w.array(any, arange);
  w.struct_("maple_arange_64", 256, {{"pivot", apivots, pointer}, {"slot", arange_slots, arange * pointer}});
  const auto dense = w.array(any, wide ? 31 : 63);
  w.struct_("maple_node", 256, {{"slot", dense, pointer}});
}

/// Counts, and sees what comes twice.
struct Once {
  std::set<std::uint64_t> seen;
  void operator()(Gva node) {
    if (!seen.insert(node.value).second || seen.size() > kMax) __builtin_trap();
  }
};

void walk_all(FakeKernel& kernel, Gva at) {
  using namespace ringside::guest::linux;
  Once list, tree;
  (void)walk_list(kernel, at, kMax, [&](Gva node) { return list(node), true; });
  (void)walk_rb_tree(kernel, at, kMax, [&](Gva node) { return tree(node), true; });
  std::uint64_t count = 0;
  (void)walk_hlist(kernel, at, kMax, [&](Gva) { return ++count <= kMax ? true : (__builtin_trap(), false); });
  std::optional<std::uint64_t> before;
  std::uint64_t entries = 0;
  (void)walk_xarray(kernel, at, kMax, [&](std::uint64_t index, Gva entry) {
    if ((before && index <= *before) || entry.value == 0 || ++entries > kMax) __builtin_trap();
    before = index;
    return true;
  });
  before.reset();
  entries = 0;
  (void)walk_maple_tree(kernel, at, kMax, [&](std::uint64_t first, std::uint64_t last, Gva entry) {
    if ((before && first <= *before) || last < first || entry.value == 0 || ++entries > kMax)
      __builtin_trap();
    before = last;
    return true;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kRam = 4 * guest::kPageSize, kChoice = 4;
  if (size <= kChoice) return 0;
  FakeKernel kernel(data[0] % 2 == 0 ? 64 : 32);
  add_types(kernel);
  const auto content = std::as_bytes(std::span(data, size)).subspan(kChoice);
  for (std::size_t at = 0; at < kRam; at += content.size())
    kernel.memory().write(guest::Gpa{at}, content.first(std::min(content.size(), kRam - at)));
  for (std::size_t i = 1; i < kChoice; ++i) walk_all(kernel, Gva{std::uint64_t{data[i]} * 8});
  return 0;
}
