// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/vmalloc_areas.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/walkers.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

/// nr_vmap_nodes is at most 128 (mm/vmalloc.c, vmap_init_nodes).
constexpr std::uint64_t kMaxNodes = 1024;

class Reader {
 public:
  explicit Reader(Kernel& kernel) : kernel_(kernel), area_(kernel, "vmap_area"), vm_(kernel, "vm_struct") {
    start_ = area_.add("va_start");
    end_ = area_.add("va_end");
    pointer_ = area_.add("vm");
    flags_ = vm_.add("flags");
    caller_ = vm_.add("caller");
    pages_ = vm_.add("nr_pages");
    array_ = vm_.add("pages");
  }

  Listing<VmallocArea> read() {
    // Each reason once: a member that is missing is missing in every area.
    if (!area_.missing().empty()) {
      listing_.problem(area_.missing().front().within("areas of vmalloc"));
      return std::move(listing_);
    }
    if (!vm_.missing().empty()) listing_.problem(vm_.missing().front().within("areas of vmalloc"));
    if (auto walked = walk(); !walked) listing_.problem(walked.error().within("areas of vmalloc"));
    std::stable_sort(listing_.entries.begin(), listing_.entries.end(),
                     [](const auto& a, const auto& b) { return a.start < b.start; });
    return std::move(listing_);
  }

 private:
  Result<void> walk() {
    if (const auto nodes = kernel_.find_symbol("vmap_nodes")) return walk_nodes(*nodes);
    RINGSIDE_TRY(const Gva list, kernel_.symbol("vmap_area_list"));
    RINGSIDE_TRY(const auto link, kernel_.offset("vmap_area", "list"));
    return walk_list(kernel_, list, kMaxVmallocAreas, [&](Gva node) { return take(Gva{node - Gva{link}}); });
  }
  Result<void> walk_nodes(Gva variable) {
    RINGSIDE_TRY(const Gva nodes, kernel_.read_pointer(variable));
    RINGSIDE_TRY(const Gva count_at, kernel_.symbol("nr_vmap_nodes"));
    RINGSIDE_TRY(const auto count, kernel_.read<std::uint32_t>(count_at));
    if (count == 0 || count > kMaxNodes)
      return fail(Errc::out_of_bounds, "nr_vmap_nodes is " + std::to_string(count));
    RINGSIDE_TRY(const Types* types, kernel_.types());
    RINGSIDE_TRY(const std::uint64_t size, types->size_of("vmap_node"));
    RINGSIDE_TRY(const auto root, kernel_.offset("vmap_node", "busy.root"));
    RINGSIDE_TRY(const auto link, kernel_.offset("vmap_area", "rb_node"));
    for (std::uint64_t i = 0; i < count; ++i)
      RINGSIDE_CHECK(walk_rb_tree(kernel_, nodes + (i * size + root),
                                  kMaxVmallocAreas - listing_.entries.size(),
                                  [&](Gva node) { return take(Gva{node - Gva{link}}); }));
    return {};
  }

  /// Always true: one that cannot be read does not end the walk.
  bool take(Gva object) {
    const auto malformed = [&](const std::string& why) {
      listing_.problem({Errc::malformed, "vmap_area at " + to_string(object) + " " + why});
      return true;
    };
    if (auto read = area_.read(object); !read) {
      listing_.problem(std::move(read).error());
      return true;
    }
    const std::uint64_t start = area_.integer(start_).value_or(0), end = area_.integer(end_).value_or(0);
    if (end <= start || start % kPageSize != 0 || end % kPageSize != 0)
      return malformed("reaches from " + hex_address(start) + " to " + hex_address(end));
    VmallocArea area{Gva{start}, end - start, area_.pointer(pointer_).value_or(Gva{0}), {}, {}, {}, {}};
    if (area.vm.value != 0) {
      if (auto read = vm_.read(area.vm); read) {
        area.flags = vm_.integer(flags_);
        area.caller = vm_.pointer(caller_);
        area.pages = vm_.u32(pages_);
        area.page_array = vm_.pointer(array_);
      } else {
        listing_.problem(std::move(read).error());
      }
    }
    listing_.entries.push_back(area);
    return true;
  }

  Kernel& kernel_;
  ObjectReader area_, vm_;
  ObjectReader::Member start_, end_, pointer_, flags_, caller_, pages_, array_;
  Listing<VmallocArea> listing_;
};

}  // namespace

std::string_view vmalloc_kind(std::uint64_t flags) {
  // include/linux/vmalloc.h; the numbers are the same since 2.6.
  constexpr std::uint64_t kIoremap = 1, kAlloc = 2, kMap = 4, kDma = 0x10;
  if ((flags & kIoremap) != 0) return "ioremap";
  if ((flags & kAlloc) != 0) return "vmalloc";
  if ((flags & kMap) != 0) return "vmap";
  return (flags & kDma) != 0 ? "dma" : "";
}

const Listing<VmallocArea>& vmalloc_areas(Kernel& kernel) {
  return kernel.memo<Listing<VmallocArea>>([&] { return Reader(kernel).read(); });
}

const VmallocArea* find_area(const Listing<VmallocArea>& areas, Gva gva) {
  const auto after = std::upper_bound(areas.entries.begin(), areas.entries.end(), gva,
                                      [](Gva value, const VmallocArea& one) { return value < one.start; });
  if (after == areas.entries.begin()) return nullptr;
  const VmallocArea& found = *std::prev(after);
  return found.contains(gva) ? &found : nullptr;
}

std::string function_name(Kernel& kernel, Gva gva) {
  const KernelIdentity& identity = kernel.identity();
  if (!identity.text.contains(gva) && !identity.init_text.contains(gva)) return {};
  const auto index = kernel.symbols().at_or_before(gva.value, kernel.slide());
  if (!index) return {};
  std::string name;
  kernel.symbols().name(*index, name);
  return name.substr(0, name.find('.'));
}

}  // namespace ringside::guest::linux
