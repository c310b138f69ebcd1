// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/kernel_mappings.h"

#include "guest/linux/pages/own_page_tables.h"

#include <algorithm>

namespace ringside::guest::linux {

const Result<KernelMappings>& KernelMappings::of(Kernel& kernel) {
  return kernel.memo<Result<KernelMappings>>([&] { return walk(kernel); });
}

Result<KernelMappings> KernelMappings::walk(Kernel& kernel) {
  const auto own = own_page_tables(kernel);
  const x86::PagingRoot root = own.value_or(kernel.identity().root);
  KernelMappings mappings(root);
  mappings.nx_ = root.mode != x86::PagingMode::two_level && root.nxe;
  x86::PageTables::Bounds bounds;
  bounds.first = x86::kernel_half(root.mode);
  bounds.max_mappings = kMaxRuns;
  RINGSIDE_TRY(const auto summary,
               x86::enumerate_leaves(kernel.snapshot(), root, bounds, [&](const auto& run) {
                 mappings.runs_.push_back(run);
                 return true;
               }));
  if (!own) mappings.problem_ = own.error().within("only the page tables of one process were looked at");
  if (summary.unreadable_tables > 0)
    mappings.problem_ = Error{
        Errc::not_ram,
        std::to_string(summary.unreadable_tables) + " page tables of the kernel could not be read" +
            (summary.first_unreadable ? ", the first: " + summary.first_unreadable->message : std::string())};
  return mappings;
}

const x86::LeafRun* KernelMappings::find(Gva gva) const {
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), gva,
                       [](Gva value, const x86::LeafRun& run) { return value < run.mapping.gva; });
  if (after == runs_.begin()) return nullptr;
  const x86::LeafRun& found = *std::prev(after);
  return gva - found.mapping.gva < found.mapping.size ? &found : nullptr;
}

std::optional<Gpa> KernelMappings::translate(Gva gva) const {
  const x86::LeafRun* run = find(gva);
  if (run == nullptr) return std::nullopt;
  return run->mapping.gpa + (gva - run->mapping.gva);
}

void KernelMappings::each_within(Gva first, std::uint64_t size,
                                 const std::function<void(const x86::LeafRun&)>& visit) const {
  if (size == 0) return;
  const Gva last = first + (size - 1);
  if (last < first) return;
  auto run = std::upper_bound(runs_.begin(), runs_.end(), first,
                              [](Gva value, const x86::LeafRun& one) { return value < one.mapping.gva; });
  if (run != runs_.begin()) --run;
  for (; run != runs_.end() && run->mapping.gva <= last; ++run) {
    const Gva run_last = run->mapping.gva + (run->mapping.size - 1);
    if (run_last < first) continue;
    x86::LeafRun piece = *run;
    piece.mapping.gva = std::max(first, run->mapping.gva);
    piece.mapping.gpa = run->mapping.gpa + (piece.mapping.gva - run->mapping.gva);
    piece.mapping.size = std::min(last, run_last) - piece.mapping.gva + 1;
    visit(piece);
  }
}

Result<void> KernelMappings::read(Snapshot& snapshot, Gva gva, std::span<std::byte> into) const {
  while (!into.empty()) {
    const x86::LeafRun* run = find(gva);
    if (run == nullptr)
      return fail(Errc::not_mapped, "guest-virtual address " + to_string(gva) + " is not mapped");
    const std::uint64_t offset = gva - run->mapping.gva;
    const std::size_t here = std::min<std::uint64_t>(into.size(), run->mapping.size - offset);
    RINGSIDE_CHECK(snapshot.read(run->mapping.gpa + offset, into.first(here)));
    into = into.subspan(here);
    gva = gva + here;
  }
  return {};
}

}  // namespace ringside::guest::linux
