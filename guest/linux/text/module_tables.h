// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"
#include "guest/linux/text/site_collector.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringside::guest::linux {

/// Calls `visit(first, count, module)` for a table that each live module may have: members `pointer` and
/// `count` of struct module. No such members: a kernel that was built without, or (32 bits) nobody knows.
template <class Visit>
void each_module_table(SiteCollector& sites, std::string_view pointer, std::string_view count,
                       Visit&& visit) {
  ObjectReader reader(sites.kernel(), "module");
  const auto first = reader.add(pointer, ObjectReader::Presence::optional);
  const auto number = reader.add(count, ObjectReader::Presence::optional);
  if (!reader.has(first) || !reader.has(number)) {
    if (sites.bits() == 32 && pointer == "jump_entries" && sites.text().regions().size() > 1)
      sites.problem({Errc::unavailable, "jump labels of modules: where they are is not known"});
    return;
  }
  for (const TextRegion& region : sites.text().regions()) {
    if (region.object == Gva{0}) continue;
    if (auto read = reader.read(region.object); !read) {
      sites.problem(read.error().within("module " + region.module));
      continue;
    }
    const auto at = reader.pointer(first);
    const auto entries = reader.u32(number);
    if (at && entries && *at != Gva{0} && *entries != 0) visit(*at, *entries, region.module);
  }
}

}  // namespace ringside::guest::linux
