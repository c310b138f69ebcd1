// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_areas.h"

#include "guest/linux/address_regions.h"
#include "guest/linux/pages/vmalloc_areas.h"

namespace ringside::guest::linux {

Result<Listing<ModuleArea>> module_areas(Kernel& kernel) {
  const auto& areas = vmalloc_areas(kernel);
  if (areas.entries.empty() && !areas.problems.empty()) return fail(areas.problems.front());
  AddressRegions regions(kernel);
  Listing<ModuleArea> listing;
  listing.problems = areas.problems;
  for (const VmallocArea& area : areas.entries) {
    // 64-bit kernels put no module into the range of vmalloc(), which is full of other things.
    if (kernel.pointer_size() == 8 && regions.at(area.start) == AddressRegion::vmalloc) continue;
    // Without a vm_struct it is being freed, or is a mapping of pages that somebody else owns.
    if (area.vm == Gva{0}) continue;
    listing.entries.push_back({area.start, area.start + area.size, area.flags.value_or(0), area.caller});
  }
  return listing;
}

}  // namespace ringside::guest::linux
