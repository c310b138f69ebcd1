// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/process_maps.h"

#include "guest/linux/area_reader.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

namespace {

class Walk {
 public:
  Walk(Kernel& kernel, AreaReader& reader, bool names, Listing<MemoryArea>& listing)
      : kernel_(kernel), reader_(reader), names_(names), listing_(listing) {}

  Result<void> prepare(Gva mm) {
    if (!names_) return {};
    RINGSIDE_TRY(landmarks_, reader_.landmarks(mm));
    return {};
  }

  /// Before 6.1: mm.mmap, linked by vm_next in order of address.
  void list(Gva first) {
    Gva last_end{0};
    for (Gva vma = first; vma != Gva{0};) {
      if (listing_.entries.size() >= kMaxAreas)
        return listing_.problem({Errc::out_of_bounds, "more than " + std::to_string(kMaxAreas) + " areas"});
      auto area = read(vma);
      if (!area) return listing_.problem(area.error().within("the list of areas"));
      // Addresses that rise are also the proof that the list does not loop.
      if (area->start < last_end)
        return listing_.problem(
            {Errc::malformed, "the list of areas falls back to " + to_string(area->start)});
      last_end = area->end;
      listing_.entries.push_back(std::move(*area));
      vma = reader_.next().value_or(Gva{0});
    }
  }

  /// 6.1 and newer: mm.mm_mt, a maple tree of areas by address.
  void tree(Gva root) {
    const auto walked =
        walk_maple_tree(kernel_, root, kMaxAreas, [&](std::uint64_t first, std::uint64_t last, Gva vma) {
          auto area = read(vma);
          if (!area) {
            listing_.problem(std::move(area).error());
            return true;
          }
          if (area->start.value != first || area->end.value - 1 != last)
            listing_.problem({Errc::mismatch, "area " + to_string(area->start) + " stands at " +
                                                  hex_address(first) + " in the tree of areas"});
          listing_.entries.push_back(std::move(*area));
          return true;
        });
    if (!walked) listing_.problem(walked.error().within("the tree of areas"));
  }

 private:
  Result<MemoryArea> read(Gva vma) {
    return reader_.read(vma, names_, landmarks_, [&](Error error) { listing_.problem(std::move(error)); });
  }

  Kernel& kernel_;
  AreaReader& reader_;
  bool names_;
  Listing<MemoryArea>& listing_;
  Landmarks landmarks_;
};

}  // namespace

std::string MemoryArea::permissions() const {
  std::string text = "---p";
  if (readable()) text[0] = 'r';
  if (writable()) text[1] = 'w';
  if (executable()) text[2] = 'x';
  if (shared()) text[3] = 's';
  return text;
}

Result<Listing<MemoryArea>> memory_areas(Kernel& kernel, Gva mm, bool names) {
  Listing<MemoryArea> listing;
  if (mm == Gva{0}) return listing;
  AreaReader& reader = AreaReader::of(kernel);
  Walk walk(kernel, reader, names, listing);
  RINGSIDE_CHECK(walk.prepare(mm));
  if (reader.tree()) {
    walk.tree(mm + reader.tree()->offset);
    return listing;
  }
  if (!reader.list()) return fail(reader.list().error());
  RINGSIDE_TRY(const Gva first, kernel.read_pointer_field(mm, *reader.list()));
  walk.list(first);
  return listing;
}

}  // namespace ringside::guest::linux
