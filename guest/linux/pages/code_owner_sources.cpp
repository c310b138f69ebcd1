// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/code_owner_sources.h"

#include "guest/linux/modules.h"
#include "guest/linux/page_cache.h"
#include "guest/linux/pages/direct_map.h"
#include "guest/linux/pages/vmalloc_areas.h"
#include "guest/linux/pointers.h"
#include "guest/linux/views/init_memory.h"
#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

namespace {

using Kind = CodeOwnerKind;

/// Reads the real-mode page's own header: where its text starts and where what is read-only ends
/// (arch/x86/include/asm/realmode.h, struct real_mode_header).
Result<void> add_real_mode(Kernel& kernel, Owners& owners) {
  const auto pointer = kernel.find_symbol("real_mode_header");
  if (!pointer) return {};
  RINGSIDE_TRY(const Gva header, kernel.read_pointer(*pointer));
  if (header.value == 0) return {};  // a machine that needs none
  RINGSIDE_TRY(const auto places, kernel.read<std::uint64_t>(header));
  const std::uint64_t text = places & 0xffffffff, end = places >> 32;
  constexpr std::uint64_t kMiB = 1u << 20;  // real mode reaches no further
  if (text % kPageSize != 0 || end <= text || end > kMiB)
    return fail(Errc::out_of_bounds,
                "its text would reach from " + hex_address(text) + " to " + hex_address(end));
  RINGSIDE_TRY(const Gva base, direct_map_base(kernel));
  owners.add({Kind::real_mode, base + text, end - text, "", header});
  return {};
}

/// The page that runs while one kernel hands over to the next is executable once an image is loaded
/// (arch/x86/kernel/machine_kexec_64.c, machine_kexec_prepare).
Result<void> add_kexec(Kernel& kernel, Owners& owners, std::string_view variable) {
  const auto pointer = kernel.find_symbol(variable);
  if (!pointer) return {};
  RINGSIDE_TRY(const Gva image, kernel.read_pointer(*pointer));
  if (image.value == 0) return {};
  RINGSIDE_TRY(const Field field, kernel.field("kimage", "control_code_page"));
  RINGSIDE_TRY(const Gva page, kernel.read_pointer_field(image, field));
  RINGSIDE_TRY(const Gpa gpa, page_address(kernel, page));
  RINGSIDE_TRY(const Gva base, direct_map_base(kernel));
  constexpr std::uint64_t kControlPages = 2;  // KEXEC_CONTROL_PAGE_SIZE of x86-64
  owners.add({Kind::kexec, base + gpa.value, kControlPages * kPageSize, std::string(variable), image});
  return {};
}

}  // namespace

void add_lone_pages(Kernel& kernel, Owners& owners) {
  if (auto done = add_real_mode(kernel, owners); !done)
    owners.problem(done.error().within("the real-mode page"));
  if (kernel.identity().bits != 64) return;
  for (const char* variable : {"kexec_image", "kexec_crash_image"})
    if (auto done = add_kexec(kernel, owners, variable); !done) owners.problem(done.error().within(variable));
  if (const auto pointer = kernel.find_symbol("hv_hypercall_pg"))
    if (const auto page = kernel.read_pointer(*pointer); page && page->value != 0)
      owners.add({Kind::hypercall, page_of(*page), kPageSize, "", *page});
  // Documentation/arch/x86/x86_64/mm.rst
  constexpr Gva kVsyscall{0xffffffffff600000};
  if (kernel.find_symbol("__vsyscall_page"))
    owners.add({Kind::vsyscall, kVsyscall, kPageSize, "", kVsyscall});
}

void add_struct_ops(Kernel& kernel, Owners& owners) {
  // From 6.9 on; before that, one page each of its own: `image`.
  const auto maps = kernel.find_symbol("map_idr");
  if (!maps) return;
  const auto type = kernel.field("bpf_map", "map_type");
  const auto tree = kernel.offset("idr", "idr_rt");
  const auto* types = kernel.types().value_or(nullptr);
  if (!type || !tree || types == nullptr) return;
  const auto struct_ops = types->enumerator("bpf_map_type", "BPF_MAP_TYPE_STRUCT_OPS");
  if (!struct_ops) return;
  const auto image = kernel.field("bpf_struct_ops_map", "image"),
             pages = kernel.field("bpf_struct_ops_map", "image_pages"),
             count = kernel.field("bpf_struct_ops_map", "image_pages_cnt");
  const auto add = [&](Gva map) -> Result<void> {
    RINGSIDE_TRY(const auto kind, kernel.read_field(map, *type));
    if (static_cast<std::int64_t>(kind) != *struct_ops) return {};
    const auto add_page = [&](std::uint32_t offset) -> Result<void> {
      RINGSIDE_TRY(const Gva page, kernel.read_pointer(map + offset));
      if (page.value != 0) owners.add_bpf({Kind::bpf_image, page, kPageSize, "struct_ops", map});
      return {};
    };
    if (image) return add_page(image->offset);
    if (!pages) return fail(pages.error());
    std::uint64_t held = pages->size / kernel.pointer_size();
    if (count) {
      RINGSIDE_TRY(const auto told, kernel.read_field(map, *count));
      held = std::min<std::uint64_t>(held, told);
    }
    for (std::uint64_t i = 0; i < held; ++i)
      RINGSIDE_CHECK(add_page(pages->offset + static_cast<std::uint32_t>(i * kernel.pointer_size())));
    return {};
  };
  constexpr std::uint64_t kMaxMaps = 1u << 18;
  auto walked = walk_xarray(kernel, *maps + *tree, kMaxMaps, [&](std::uint64_t, Gva map) {
    if (auto done = add(map); !done) owners.problem(done.error().within("maps of BPF"));
    return true;
  });
  if (!walked) owners.problem(walked.error().within("maps of BPF"));
}

void add_module_thunks(Kernel& kernel, Owners& owners) {
  // struct its_array in struct mod_arch_specific, or the same two members in struct module (arch/x86/kernel/
  // alternative.c, its_alloc()).
  const auto pages = kernel.field_of("module", {"arch.its_pages.pages", "its_page_array"}),
             count = kernel.field_of("module", {"arch.its_pages.num", "its_num_pages"});
  if (!pages || !count) return;  // built without
  const auto listing = modules(kernel, ModuleParts::none);
  constexpr std::uint64_t kMaxPages = 1024;
  for (const Module& module : listing.entries) {
    const auto add = [&]() -> Result<void> {
      RINGSIDE_TRY(const std::uint64_t number, kernel.read_field(module.address, *count));
      if (number == 0) return {};
      if (number > kMaxPages)
        return fail(Errc::out_of_bounds, module.name + " has " + std::to_string(number) + " pages of thunks");
      RINGSIDE_TRY(const Gva array, kernel.read_pointer_field(module.address, *pages));
      for (std::uint64_t i = 0; i < number; ++i) {
        RINGSIDE_TRY(const Gva page, kernel.read_pointer(array + i * kernel.pointer_size()));
        owners.add({Kind::its_thunks, page, kPageSize, module.name, module.address});
      }
      return {};
    };
    if (module.state == ModuleState::unformed) continue;
    if (auto done = add(); !done) owners.problem(done.error().within("thunks of modules"));
  }
}

namespace {

/// How much the kernel has given out at `gva` of the memory for code that is shared (from 6.13 on,
/// mm/execmem.c).
std::uint64_t given_out(Kernel& kernel, Gva gva) {
  const auto cache = kernel.find_symbol("execmem_cache");
  const auto busy = kernel.offset("execmem_cache", "busy_areas");
  if (!cache || !busy) return 0;
  constexpr std::uint64_t kMaxPieces = 1u << 16, kMaxPiece = 64u << 20;
  std::uint64_t size = 0;
  // What could not be read gives nobody anything.
  (void)walk_maple_tree(kernel, *cache + *busy, kMaxPieces,
                        [&](std::uint64_t first, std::uint64_t last, Gva) {
                          if (first == gva.value && last - first < kMaxPiece) size = last - first + 1;
                          return size == 0 && first <= gva.value;
                        });
  return size;
}

}  // namespace

void add_freed_module_text(Kernel& kernel, Owners& owners) {
  const auto text = kernel.field_of("mod_initfree", {"init_text", "module_init"});
  if (!text) return;
  const auto& areas = vmalloc_areas(kernel);
  for (const Gva entry : init_memory_to_free(kernel)) {
    const auto first = kernel.read_pointer_field(entry, *text);
    if (!first || first->value == 0) continue;
    const VmallocArea* area = find_area(areas, *first);
    if (area == nullptr) continue;
    const std::uint64_t size =
        area->start == page_of(*first) ? area->start + area->size - *first : given_out(kernel, *first);
    owners.add({Kind::module_init_text, *first, size, "", entry});
  }
}

}  // namespace ringside::guest::linux
