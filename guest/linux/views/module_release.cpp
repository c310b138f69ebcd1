// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_release.h"

#include "guest/linux/module_layout.h"
#include "guest/linux/pages/vmalloc_areas.h"
#include "guest/linux/views/held_on_stacks.h"
#include "guest/linux/views/init_memory.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ringside::guest::linux {

namespace {

/// Who holds memory of a module that is on no list (kernel/module/main.c); smaller ones are inlined into
/// these. What is called last of all leaves the caller's caller on the stack: the system calls.
constexpr std::array<std::string_view, 15> kHolders = {"free_module",
                                                       "free_mod_mem",
                                                       "module_memfree",
                                                       "load_module",
                                                       "do_init_module",
                                                       "do_free_init",
                                                       "__do_sys_delete_module",
                                                       "__x64_sys_delete_module",
                                                       "__do_sys_init_module",
                                                       "__do_sys_finit_module",
                                                       "__ia32_sys_delete_module",
                                                       "__ia32_sys_init_module",
                                                       "__ia32_sys_finit_module",
                                                       "__x64_sys_init_module",
                                                       "__x64_sys_finit_module"};

/// Tells whether a struct module has memory, whatever its state: while it is freed it counts as unformed.
class Regions {
 public:
  explicit Regions(Kernel& kernel) : kernel_(kernel), reader_(kernel, "module"), layout_(kernel, reader_) {}

  bool reach(Gva module, Gva page) {
    if (module.value % kernel_.pointer_size() != 0 || !reader_.read(module)) return false;
    Module found;
    layout_.take(reader_, found, [](const Error&) {});
    return std::ranges::any_of(found.regions, [&](const ModuleRegion& region) {
      return page_of(region.base) <= page && page <= page_of(region.base + (region.size - 1));
    });
  }

 private:
  Kernel& kernel_;
  ObjectReader reader_;
  ModuleLayout layout_;
};

}  // namespace

std::optional<bool> module_memory_in_hand(Kernel& kernel, Gva gva) {
  const VmallocArea* area = find_area(vmalloc_areas(kernel), gva);
  // The page of an area that is gone from the tree, but not yet from the page tables, is all that is known of
  // it.
  const Gva first = area == nullptr ? page_of(gva) : area->start;
  const std::uint64_t size = area == nullptr ? kPageSize : area->size;
  if (frees_init_memory_now(kernel)) return true;
  Regions regions(kernel);
  return held_on_a_stack(kernel, kHolders, [&](Gva word) {
    return word - first < size ||
           (!kernel.identity().image.contains(word) && regions.reach(word, page_of(gva)));
  });
}

}  // namespace ringside::guest::linux
