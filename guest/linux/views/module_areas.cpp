// SPDX-License-Identifier: Apache-2.0
// mm/vmalloc.c: one list of all areas up to 6.8, from then on a tree of those in use for each node.
#include "guest/linux/views/module_areas.h"

#include "guest/linux/address_regions.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxNodes = 1024;  // the kernel makes at most 128 (vmap_init_nodes)

class AreaWalk {
 public:
  explicit AreaWalk(Kernel& kernel)
      : kernel_(kernel),
        regions_(kernel),
        area_(kernel, "vmap_area"),
        first_(area_.add("va_start")),
        end_(area_.add("va_end")),
        owner_(area_.add("vm")),
        struct_(kernel, "vm_struct"),
        flags_(struct_.add("flags")),
        caller_(struct_.add("caller")) {}

  Result<Listing<ModuleArea>> run() {
    if (!area_.missing().empty()) return fail(area_.missing().front());
    for (const Error& error : struct_.missing()) listing_.problem(error);
    const auto head = kernel_.find_symbol("vmap_area_list");
    if (auto walked = head ? walk_global(*head) : walk_nodes(); !walked) return fail(walked.error());
    std::ranges::sort(listing_.entries, {}, &ModuleArea::first);
    return std::move(listing_);
  }

 private:
  Result<void> walk_global(Gva head) {
    RINGSIDE_TRY(const Field link, kernel_.field("vmap_area", "list"));
    const auto walked = walk_list(kernel_, head, kMaxAreasOfModules,
                                  [&](Gva node) { return take(Gva{node - Gva{link.offset}}); });
    if (!walked) listing_.problem(walked.error().within("areas of virtual memory"));
    return {};
  }

  Result<void> walk_nodes() {
    RINGSIDE_TRY(const Gva variable, kernel_.symbol("vmap_nodes"));
    RINGSIDE_TRY(const Gva count_variable, kernel_.symbol("nr_vmap_nodes"));
    RINGSIDE_TRY(const Field root, kernel_.field("vmap_node", "busy.root"));
    RINGSIDE_TRY(const Field link, kernel_.field("vmap_area", "rb_node"));
    RINGSIDE_TRY(const Types* types, kernel_.types());
    RINGSIDE_TRY(const std::uint64_t size, types->size_of("vmap_node"));
    RINGSIDE_TRY(const Gva nodes, kernel_.read_pointer(variable));
    RINGSIDE_TRY(const auto count, kernel_.read<std::uint32_t>(count_variable));
    if (count > kMaxNodes)
      return fail(Errc::out_of_bounds, "virtual memory claims " + std::to_string(count) + " nodes");
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto walked = walk_rb_tree(kernel_, nodes + (i * size + root.offset), kMaxAreasOfModules,
                                       [&](Gva node) { return take(Gva{node - Gva{link.offset}}); });
      if (!walked) listing_.problem(walked.error().within("areas of virtual memory"));
    }
    return {};
  }

  bool take(Gva address) {
    if (auto read = area_.read(address); !read) {
      listing_.problem(read.error().within("an area of virtual memory"));
      return true;
    }
    ModuleArea area;
    area.first = area_.pointer(first_).value_or(Gva{0});
    area.end = area_.pointer(end_).value_or(Gva{0});
    // 64-bit kernels put no module into the range of vmalloc(), which is full of other things.
    const bool other = kernel_.pointer_size() == 8 && regions_.at(area.first) == AddressRegion::vmalloc;
    if (other || area.end <= area.first) return true;
    const Gva owner = area_.pointer(owner_).value_or(Gva{0});
    // Without one it is being freed, or is a mapping of pages that somebody else owns.
    if (owner == Gva{0}) return true;
    if (auto read = struct_.read(owner); !read) {
      listing_.problem(read.error().within("the area at " + to_string(area.first)));
    } else {
      area.flags = struct_.integer(flags_).value_or(0);
      area.caller = struct_.pointer(caller_);
    }
    listing_.entries.push_back(area);
    return listing_.entries.size() < kMaxAreasOfModules;
  }

  Kernel& kernel_;
  AddressRegions regions_;
  ObjectReader area_;
  ObjectReader::Member first_, end_, owner_;
  ObjectReader struct_;
  ObjectReader::Member flags_, caller_;
  Listing<ModuleArea> listing_;
};

}  // namespace

Result<Listing<ModuleArea>> module_areas(Kernel& kernel) {
  return AreaWalk(kernel).run();
}

}  // namespace ringside::guest::linux
