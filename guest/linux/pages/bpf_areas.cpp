// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/bpf_areas.h"

#include "guest/linux/hooks/trace_roots.h"
#include "guest/linux/pages/vmalloc_areas.h"
#include "guest/linux/symbol_extent.h"

#include <algorithm>
#include <vector>

namespace ringside::guest::linux {

Result<Listing<Gva>> bpf_program_areas(Kernel& kernel) {
  Listing<Gva> listing;
  std::vector<Range> callers;
  // The last two: a copy with constants hidden takes the program's place (net.core.bpf_jit_harden); compilers
  // put the one function into the other.
  for (const char* name : {"bpf_prog_alloc_no_stats", "bpf_prog_alloc", "bpf_prog_realloc",
                           "bpf_prog_clone_create", "bpf_jit_blind_constants"})
    if (const auto at = kernel.find_symbol(name))
      callers.push_back({*at, *at + bytes_to_next_symbol(kernel, *at, kPageSize)});
  if (callers.empty()) return listing;
  const auto& areas = vmalloc_areas(kernel);
  if (areas.entries.empty() && !areas.problems.empty()) return fail(areas.problems.front());
  listing.problems = areas.problems;
  for (const VmallocArea& area : areas.entries)
    if (area.caller && std::any_of(callers.begin(), callers.end(),
                                   [&](const Range& range) { return range.contains(*area.caller); }))
      listing.entries.push_back(area.start);
  return listing;
}

}  // namespace ringside::guest::linux
