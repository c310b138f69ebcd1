// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/page_table_faults.h"

#include "guest/linux/address_regions.h"
#include "guest/linux/page_cache.h"
#include "guest/linux/pages/code_owners.h"
#include "guest/linux/pages/executable_pages.h"
#include "guest/linux/pages/kernel_halves.h"
#include "guest/linux/pages/kernel_mappings.h"
#include "guest/linux/pages/protected_frames.h"
#include "guest/linux/pages/vmalloc_areas.h"
#include "guest/linux/pointers.h"
#include "guest/linux/runtime_code.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

using Kind = PageTableFaultKind;

class Search {
 public:
  Search(Kernel& kernel, const KernelMappings& mappings, Kind kind)
      : kernel_(kernel), mappings_(mappings), kind_(kind) {}

  Listing<PageTableFault> run() {
    switch (kind_) {
      case Kind::user_page:
        user_pages();
        break;
      case Kind::writable_executable:
        writable_executable();
        break;
      case Kind::writable_code:
      case Kind::writable_rodata:
      case Kind::writable_idt:
        writable_frames();
        break;
      case Kind::image_moved:
        image_moved();
        break;
      case Kind::area_moved:
        areas_moved();
        break;
      case Kind::mm_differs:
      case Kind::user_half:
        break;
    }
    if (mappings_.problem()) listing_.problem(*mappings_.problem());
    return std::move(listing_);
  }

 private:
  /// False: enough of them.
  bool add(const x86::Mapping& where, std::string what) {
    if (listing_.entries.size() >= kMaxFaultsOfAKind) return false;
    PageTableFault fault{kind_, where.gva, where.size, where.gpa, {}, std::move(what)};
    if (const auto walk = mappings_.tables(kernel_.snapshot()).translate(where.gva);
        walk && walk->step_count > 0)
      fault.entry = walk->steps.at(walk->step_count - 1).entry;
    listing_.entries.push_back(std::move(fault));
    return true;
  }

  void user_pages() {
    constexpr Gva kVsyscall{0xffffffffff600000};
    const auto vsyscall = kernel_.find_symbol("__vsyscall_page");
    for (const x86::LeafRun& run : mappings_.runs()) {
      if (!run.user) continue;
      const x86::Mapping& page = run.mapping;
      // The page of ancient system calls is the only one for user mode, where it is mapped at all
      // (arch/x86/entry/vsyscall/vsyscall_64.c).
      if (page.gva == kVsyscall && page.size == kPageSize && vsyscall && !page.permissions.writable &&
          mappings_.translate(*vsyscall) == page.gpa)
        continue;
      if (!add(page, page.permissions.user
                         ? "user mode can reach it"
                         : "its own entry lets user mode in; only a table above it does not"))
        return;
    }
  }

  void writable_executable() {
    std::optional<std::vector<CodeOwner>> images;
    for (const x86::LeafRun& run : mappings_.runs()) {
      if (!run.mapping.permissions.writable || !run.mapping.permissions.executable) continue;
      if (!images) images = writable_images();
      const auto is_image = [&](const CodeOwner& one) {
        return page_of(one.first) <= run.mapping.gva &&
               run.mapping.gva + (run.mapping.size - 1) < one.last_page() + kPageSize;
      };
      if (std::any_of(images->begin(), images->end(), is_image)) continue;
      if (!add(run.mapping, "it is writable and executable")) return;
    }
  }
  /// Before 5.18, which brought packs, trampolines and dispatchers of BPF are writable while they are in use
  /// (kernel/bpf/trampoline.c, bpf_jit_alloc_exec_page).
  std::vector<CodeOwner> writable_images() {
    std::vector<CodeOwner> images;
    if (kernel_.find_symbol("pack_list")) return images;
    const auto code = runtime_code(kernel_);
    for (const Error& error : code.problems) listing_.problem(error);
    for (const RuntimeCode& one : code.entries)
      if (one.kind == RuntimeCode::Kind::bpf && one.size != 0 &&
          (one.name.starts_with("bpf_trampoline_") || one.name.starts_with("bpf_dispatcher_")))
        images.push_back({CodeOwnerKind::bpf_image, one.first, one.size, one.name, Gva{0}});
    return images;
  }

  void writable_frames() {
    const auto frames = protected_frames(kernel_, mappings_, kind_);
    for (const Error& error : frames.problems) listing_.problem(error);
    each_writable_alias(
        mappings_, frames.entries, [&](const x86::Mapping& piece, const ProtectedFrames& one) {
          const Gva home = one.gva + (piece.gpa - one.first);
          return add(piece, home == piece.gva ? one.what + " is writable"
                                              : one.what + " at " + to_string(home) + " is writable here");
        });
  }

  void image_moved() {
    const KernelIdentity& identity = kernel_.identity();
    const auto compare = [&](const x86::LeafRun& run) {
      const Gpa expected = identity.image_gpa + (run.mapping.gva - identity.image.first);
      if (run.mapping.gpa != expected)
        add(run.mapping, "it leads to " + to_string(run.mapping.gpa) + " instead of " + to_string(expected));
    };
    mappings_.each_within(identity.image.first, identity.image.size(), compare);
    // A 32-bit kernel does not tell where its image ends. That is a part of its direct map, all of which
    // leads to the frames at the same distance (arch/x86/include/asm/page_32.h, __phys_addr_nodebug).
    if (identity.bits == 64) return;
    if (!kernel_.find_symbol("high_memory")) {
      listing_.problem(
          {Errc::unavailable, "this kernel does not tell where its direct map ends (high_memory)"});
      return;
    }
    AddressRegions regions(kernel_);
    for (const x86::LeafRun& run : mappings_.runs())
      if (regions.at(run.mapping.gva) == AddressRegion::direct_map) compare(run);
    if (regions.problem()) listing_.problem(*regions.problem());
  }

  /// Executable memory of vmalloc consists of the pages that its area lists.
  void areas_moved() {
    const auto& areas = vmalloc_areas(kernel_);
    for (const Error& error : areas.problems) listing_.problem(error);
    if (kernel_.identity().bits != 64 && !kernel_.btf()) {
      listing_.problem(
          {Errc::unavailable, "which frames an area of vmalloc has: this kernel holds no type information"});
      return;
    }
    constexpr std::uint64_t kMaxPages = 1u << 20;
    std::uint64_t pages = 0;
    for (const VmallocArea& area : areas.entries) {
      if (!executable(area) || area.page_array.value_or(Gva{0}).value == 0) continue;
      const std::uint64_t count = std::min(area.pages.value_or(0), area.size / kPageSize);
      if ((pages += count) > kMaxPages) {
        listing_.problem(
            {Errc::out_of_bounds, "more than " + std::to_string(kMaxPages) + " pages of executable areas"});
        return;
      }
      if (auto done = compare(area, count); !done)
        listing_.problem(done.error().within("pages of the area at " + to_string(area.start)));
    }
  }
  bool executable(const VmallocArea& area) const {
    bool found = false;
    mappings_.each_within(area.start, area.size,
                          [&](const x86::LeafRun& run) { found |= run.mapping.permissions.executable; });
    return found;
  }
  Result<void> compare(const VmallocArea& area, std::uint64_t count) {
    const unsigned width = kernel_.pointer_size();
    Bytes array(count * width);
    RINGSIDE_CHECK(kernel_.space().read(*area.page_array, array));
    for (std::uint64_t i = 0; i < count; ++i) {
      const Gva page = area.start + i * kPageSize;
      const x86::LeafRun* run = mappings_.find(page);
      if (run == nullptr || !run->mapping.permissions.executable) continue;
      RINGSIDE_TRY(const Gpa expected, page_address(kernel_, pointer_in(array, i, width)));
      const Gpa actual = run->mapping.gpa + (page - run->mapping.gva);
      if (actual == expected) continue;
      const x86::Mapping where{page, actual, kPageSize, kPageSize, run->mapping.permissions, false};
      if (!add(where, "it leads to " + to_string(actual) + " instead of " + to_string(expected))) return {};
    }
    return {};
  }

  Kernel& kernel_;
  const KernelMappings& mappings_;
  Kind kind_;
  Listing<PageTableFault> listing_;
};

}  // namespace

std::string_view to_string(PageTableFaultKind kind) {
  constexpr std::array<std::string_view, kPageTableFaultKinds> kNames = {
      "user_page",   "writable_executable", "writable_code", "writable_rodata", "writable_idt",
      "image_moved", "area_moved",          "mm_differs",    "user_half"};
  const auto number = static_cast<std::size_t>(kind);
  return number < kNames.size() ? kNames[number] : "?";
}

Result<Listing<PageTableFault>> page_table_faults(Kernel& kernel, PageTableFaultKind kind) {
  RINGSIDE_CHECK(require_booted(kernel));
  if (kind == Kind::mm_differs) return differing_kernel_halves(kernel);
  if (kind == Kind::user_half) return mapped_user_half(kernel);
  const auto& mappings = KernelMappings::of(kernel);
  if (!mappings) return fail(mappings.error());
  if (kind == Kind::writable_executable && !mappings->can_forbid_execution())
    return fail(Errc::unsupported,
                "this guest's page tables cannot forbid execution: every writable page is executable");
  return Search(kernel, *mappings, kind).run();
}

}  // namespace ringside::guest::linux
