// SPDX-License-Identifier: Apache-2.0
// The input fills guest RAM, repeated; its first bytes choose the mode, the root and an address.
#include "guest/x86/page_tables.h"

#include "guest/snapshot.h"
#include "tests/unit/support/fake_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  using namespace ringside::guest;
  using namespace ringside::guest::x86;
  constexpr std::size_t kRam = 16 * kPageSize;
  const auto input = std::as_bytes(std::span(data, size));
  const auto gva = load_le<std::uint64_t>(input, 1);
  if (!gva) return 0;
  const unsigned choice = data[0];
  const auto content = input.subspan(9);

  testing::FakeMemory memory(kRam);
  for (std::size_t at = 0; !content.empty() && at < kRam; at += content.size())
    memory.write(Gpa{at}, content.first(std::min(content.size(), kRam - at)));

  PagingRoot root;
  root.mode = static_cast<PagingMode>(choice % 5);
  root.nxe = (choice & 0x20) != 0;
  root.pse = (choice & 0x40) != 0;
  root.table = Gpa{(choice & 0x80) != 0 ? 0x1000u : 0u};
  Snapshot snapshot({}, {}, memory);
  const PageTables tables(snapshot, root);
  const auto there = tables.translate(Gva{*gva});
  if (there && root.mode != PagingMode::none && there->step_count == 0) __builtin_trap();

  PageTables::Bounds bounds;
  bounds.first = Gva{*gva & ~std::uint64_t{0xffffffff}};
  bounds.max_tables = 64;
  bounds.max_mappings = 256;
  Gva next{0};
  bool any = false;
  const auto summary = tables.enumerate(bounds, [&](const Mapping& mapping) {
    // Ascending, without overlap, and what translate() says.
    if ((any && mapping.gva < next) || mapping.size == 0 || mapping.size % mapping.page_size != 0)
      __builtin_trap();
    const auto first = tables.translate(mapping.gva);
    if (!first || first->gpa != mapping.gpa || first->permissions != mapping.permissions ||
        first->page_size != mapping.page_size)
      __builtin_trap();
    next = mapping.gva + mapping.size;
    any = next != Gva{0};
    return true;
  });
  if (summary && (summary->tables > bounds.max_tables)) __builtin_trap();
  return 0;
}
