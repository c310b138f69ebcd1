// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/protected_frames.h"

#include "guest/linux/modules.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::size_t kMaxFrames = 1u << 20;
/// Most bytes from the end of a 32-bit kernel's text to that of its kallsyms: there are some three million.
constexpr std::uint64_t kMaxRodata32 = std::uint64_t{64} << 20;

Gva page_end(Gva gva) {
  return page_of(gva + (kPageSize - 1));
}

class Collector {
 public:
  Collector(Kernel& kernel, const KernelMappings& mappings) : kernel_(kernel), mappings_(mappings) {}

  /// Frames that the image has at [first, end), wherever that is mapped now.
  void add_image(Gva first, Gva end, const char* what) {
    const KernelIdentity& identity = kernel_.identity();
    if (first < identity.image.first || end <= first) return;
    // A 32-bit kernel does not tell where its image ends; what follows its text has frames that follow too.
    if (identity.bits == 64 && !identity.image.contains(first)) return;
    add({identity.image_gpa + (first - identity.image.first), end - first, first, what});
  }
  /// Frames that are mapped at [first, first + size), rounded to pages.
  void add_mapped(Gva first, std::uint64_t size, const std::string& what) {
    const Gva start = page_of(first);
    mappings_.each_within(start, page_end(first + size) - start, [&](const x86::LeafRun& run) {
      add({run.mapping.gpa, run.mapping.size, run.mapping.gva, what});
    });
  }
  void add(ProtectedFrames frames) {
    if (listing.entries.size() < kMaxFrames) {
      listing.entries.push_back(std::move(frames));
    } else if (!full_) {
      full_ = true;
      listing.problem({Errc::out_of_bounds, "more than " + std::to_string(kMaxFrames) + " runs of frames"});
    }
  }
  Listing<ProtectedFrames> take() {
    std::stable_sort(listing.entries.begin(), listing.entries.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    // Frames that several are about are told of once, so that what follows is in order and disjoint.
    std::uint64_t done = 0;
    std::vector<ProtectedFrames> disjoint;
    for (ProtectedFrames& one : listing.entries) {
      const std::uint64_t skipped = done > one.first.value ? std::min(done - one.first.value, one.size) : 0;
      if (skipped == one.size) continue;
      one.first = one.first + skipped;
      one.gva = one.gva + skipped;
      one.size -= skipped;
      done = one.first.value + one.size;
      disjoint.push_back(std::move(one));
    }
    listing.entries = std::move(disjoint);
    return std::move(listing);
  }

  Listing<ProtectedFrames> listing;

 private:
  Kernel& kernel_;
  const KernelMappings& mappings_;
  bool full_ = false;
};

void collect_code(Kernel& kernel, const KernelMappings& mappings, Collector& into) {
  const KernelIdentity& identity = kernel.identity();
  into.add_image(identity.image.first, page_end(identity.text.end), "the kernel's text");
  // Modules, BPF, ftrace: whatever is executable and not writable where it is at home. What is both is a
  // fault of its own.
  if (!mappings.can_forbid_execution()) return;
  for (const x86::LeafRun& run : mappings.runs())
    if (const x86::Mapping& mapping = run.mapping; mapping.permissions.executable &&
                                                   !mapping.permissions.writable &&
                                                   !identity.image.contains(mapping.gva))
      into.add({mapping.gpa, mapping.size, mapping.gva, "executable memory"});
}

void collect_rodata(Kernel& kernel, Collector& into) {
  const KernelIdentity& identity = kernel.identity();
  const auto start = kernel.find_symbol("__start_rodata"), end = kernel.find_symbol("__end_rodata");
  if (start && end) {
    into.add_image(*start, *end, "the kernel's read-only data");
  } else {
    // Without symbols for data: kallsyms itself is read-only data, and follows the text.
    const std::uint64_t tables = kernel.symbols().tables_start().value + kernel.slide();
    const Gva text_end = page_end(identity.text.end),
              tables_end = page_of(Gva{tables + kernel.symbols().tables_bytes().size()});
    if (identity.bits == 64 ? identity.image.contains(tables_end) : tables_end - text_end < kMaxRodata32)
      into.add_image(text_end, tables_end, "the kernel's read-only data");
    into.listing.problem(
        {Errc::unavailable,
         "this kernel does not tell where its read-only data ends: what lies behind its own symbols "
         "is not looked at"});
  }
  const auto listing = modules(kernel, ModuleParts::layout);
  for (const Error& error : listing.problems) into.listing.problem(error);
  for (const Module& module : listing.entries) {
    if (module.state != ModuleState::live) continue;
    // A module counts as live before what is read-only after its init is: do_init_module() waits in between
    // for all that was begun asynchronously, and gives up the memory of its init right afterwards
    // (kernel/module/main.c).
    const bool in_init = module.region(ModuleRegionKind::init_text) != nullptr;
    for (const ModuleRegion& region : module.regions)
      if (region.kind == ModuleRegionKind::rodata ||
          (region.kind == ModuleRegionKind::ro_after_init && !in_init))
        into.add_mapped(region.base, region.size, "read-only data of " + module.name);
  }
}

void collect_idt(Kernel& kernel, Collector& into) {
  std::vector<Gva> seen;
  for (const auto& cpu : kernel.snapshot().cpus(RegisterGroups::tables | RegisterGroups::control)) {
    if ((cpu.cr0 & x86::cr0::kPg) == 0) continue;
    if (std::find(seen.begin(), seen.end(), cpu.idt.base) != seen.end()) continue;
    seen.push_back(cpu.idt.base);
    into.add_mapped(cpu.idt.base, std::uint64_t{cpu.idt.limit} + 1, "the interrupt descriptor table");
  }
}

}  // namespace

Listing<ProtectedFrames> protected_frames(Kernel& kernel, const KernelMappings& mappings,
                                          PageTableFaultKind kind) {
  Collector into(kernel, mappings);
  if (kind == PageTableFaultKind::writable_code) collect_code(kernel, mappings, into);
  if (kind == PageTableFaultKind::writable_rodata) collect_rodata(kernel, into);
  if (kind == PageTableFaultKind::writable_idt) collect_idt(kernel, into);
  return into.take();
}

void each_writable_alias(const KernelMappings& mappings, const std::vector<ProtectedFrames>& frames,
                         const std::function<bool(const x86::Mapping&, const ProtectedFrames&)>& visit) {
  for (const x86::LeafRun& run : mappings.runs()) {
    if (!run.mapping.permissions.writable) continue;
    const std::uint64_t first = run.mapping.gpa.value, end = first + run.mapping.size;
    auto found = std::upper_bound(
        frames.begin(), frames.end(), first,
        [](std::uint64_t value, const ProtectedFrames& one) { return value < one.first.value + one.size; });
    for (; found != frames.end() && found->first.value < end; ++found) {
      const std::uint64_t from = std::max(first, found->first.value),
                          to = std::min(end, found->first.value + found->size);
      x86::Mapping piece = run.mapping;
      piece.gva = run.mapping.gva + (from - first);
      piece.gpa = Gpa{from};
      piece.size = to - from;
      if (!visit(piece, *found)) return;
    }
  }
}

}  // namespace ringside::guest::linux
