// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_areas.h"

#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/symbol_extent.h"
#include "guest/linux/walkers.h"

#include <functional>
#include <vector>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxNodes = 1024;  // the kernel makes at most 128 (mm/vmalloc.c, vmap_init_nodes)

/// One list up to 6.8, then a tree for each of several nodes (mm/vmalloc.c).
Result<void> walk_areas(Kernel& kernel, const Visit& visit, const std::function<void(Error)>& problem) {
  if (const auto list = kernel.find_symbol("vmap_area_list")) {
    RINGSIDE_TRY(const std::uint32_t link, kernel.offset("vmap_area", "list"));
    return walk_list(kernel, *list, kMaxAreasForBpf, [&](Gva node) { return visit(Gva{node - Gva{link}}); });
  }
  RINGSIDE_TRY(const Gva variable, kernel.symbol("vmap_nodes"));
  RINGSIDE_TRY(const Gva count_at, kernel.symbol("nr_vmap_nodes"));
  RINGSIDE_TRY(const Types* types, kernel.types());
  RINGSIDE_TRY(const std::uint64_t size, types->size_of("vmap_node"));
  RINGSIDE_TRY(const std::uint32_t root, kernel.offset("vmap_node", "busy.root"));
  RINGSIDE_TRY(const std::uint32_t link, kernel.offset("vmap_area", "rb_node"));
  RINGSIDE_TRY(const Gva nodes, kernel.read_pointer(variable));
  RINGSIDE_TRY(const auto count, kernel.read<std::uint32_t>(count_at));
  if (count > kMaxNodes)
    return fail(Errc::out_of_bounds, "vmalloc is said to have " + std::to_string(count) + " nodes");
  std::uint64_t left = kMaxAreasForBpf;  // of all nodes: a hostile guest may give each the same tree
  for (std::uint32_t i = 0; i < count; ++i) {
    auto walked = walk_rb_tree(kernel, nodes + i * size + root, left, [&](Gva node) {
      --left;
      return visit(Gva{node - Gva{link}});
    });
    if (!walked) problem(std::move(walked).error());
  }
  return {};
}

}  // namespace

Result<Listing<Gva>> bpf_program_areas(Kernel& kernel) {
  Listing<Gva> listing;
  std::vector<Range> callers;
  for (const char* name : {"bpf_prog_alloc_no_stats", "bpf_prog_alloc", "bpf_prog_realloc"})
    if (const auto at = kernel.find_symbol(name))
      callers.push_back({*at, *at + bytes_to_next_symbol(kernel, *at, kPageSize)});
  if (callers.empty()) return listing;
  ObjectReader area(kernel, "vmap_area"), vm(kernel, "vm_struct");
  const auto vm_of = area.add("vm"), address = vm.add("addr"), caller = vm.add("caller");
  for (const auto* reader : {&area, &vm})
    if (!reader->missing().empty()) return fail(reader->missing().front());

  const auto problem = [&](Error error) { listing.problem(error.within("areas of vmalloc")); };
  const auto walked = walk_areas(
      kernel,
      [&](Gva at) {
        if (auto read = area.read(at); !read) {
          problem(read.error());
          return true;
        }
        // No vm_struct: a block for vm_map_ram().
        const Gva described = area.pointer(vm_of).value_or(Gva{0});
        if (described.value == 0) return true;
        if (auto read = vm.read(described); !read) {
          problem(read.error());
          return true;
        }
        const Gva by = vm.pointer(caller).value_or(Gva{0});
        for (const Range& range : callers)
          if (range.contains(by)) {
            listing.entries.push_back(vm.pointer(address).value_or(Gva{0}));
            break;
          }
        return true;
      },
      problem);
  if (!walked) problem(walked.error());
  return listing;
}

}  // namespace ringside::guest::linux
