// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/patch_sites.h"

#include "guest/linux/text/ftrace_sites.h"
#include "guest/linux/text/jump_labels.h"
#include "guest/linux/text/lock_prefixes.h"
#include "guest/linux/text/probe_sites.h"
#include "guest/linux/text/static_calls.h"
#include "guest/linux/text/text_in_flight.h"

#include <algorithm>

namespace ringside::guest::linux {

PatchSites& PatchSites::of(Kernel& kernel) {
  return kernel.memo<PatchSites>([&] { return PatchSites(kernel); });
}

PatchSites::PatchSites(Kernel& kernel) : kernel_(&kernel), text_(&KernelText::of(kernel)) {
  // Until boot is over all of it is in flux. A kernel that does not tell is taken to be up.
  if (const auto booted = kernel.booted(); booted && !*booted) {
    sites_.problem({Errc::unavailable, "the kernel is still booting"});
    return;
  }
  SiteCollector sites(kernel, *text_);
  add_jump_labels(sites);
  add_static_calls(sites);
  add_ftrace_sites(sites);
  add_ftrace_labels(sites);
  add_kprobes(sites);
  add_lock_prefixes(sites);
  add_kgdb_breakpoints(sites);
  sites_ = sites.take();
  for (const Error& error : text_->problems()) sites_.problem(error);
}

bool PatchSites::in_flight(const PatchSite& site, ByteView actual) {
  constexpr std::byte kBreakpoint{0xcc};
  if (actual.empty() || actual[0] != kBreakpoint) return false;
  if (!in_flight_) {
    auto found = text_in_flight(*kernel_);
    if (!found) sites_.problem(found.error().within("code that is being patched"));
    in_flight_ = found ? std::move(*found) : std::vector<Gva>{};
  }
  return std::binary_search(in_flight_->begin(), in_flight_->end(), site.first);
}

PatchSites::Look PatchSites::look(const PatchSite& site) {
  const ByteView actual = text_->bytes(site.first, site.size());
  if (actual.size() < site.size()) return {};
  if (const CodeBytes* held = site.match(actual)) return {true, true, held->size};
  return {true, in_flight(site, actual), site.size()};
}

std::pair<std::size_t, std::size_t> PatchSites::in(const Range& range) const {
  const auto& all = sites_.entries;
  const auto before = [](const PatchSite& site, Gva gva) { return site.first < gva; };
  const auto first = std::lower_bound(all.begin(), all.end(), range.first, before),
             end = std::lower_bound(first, all.end(), range.end, before);
  return {static_cast<std::size_t>(first - all.begin()), static_cast<std::size_t>(end - all.begin())};
}

}  // namespace ringside::guest::linux
