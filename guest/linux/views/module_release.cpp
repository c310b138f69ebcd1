// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_release.h"

#include "base/bytes.h"
#include "guest/linux/module_layout.h"
#include "guest/linux/pages/vmalloc_areas.h"
#include "guest/linux/tasks.h"
#include "guest/linux/views/task_stack.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

namespace {

/// Who holds memory of a module that is on no list (kernel/module/main.c); smaller ones are inlined into
/// these.
constexpr std::array<std::string_view, 7> kHolders = {"free_module",
                                                      "free_mod_mem",
                                                      "load_module",
                                                      "do_init_module",
                                                      "do_free_init",
                                                      "__do_sys_delete_module",
                                                      "__x64_sys_delete_module"};
/// Of threads whose stacks are looked at.
constexpr std::size_t kMostStacks = 1u << 14;

bool runs_a_holder(Kernel& kernel, const std::vector<Gva>& words) {
  return std::ranges::any_of(words, [&](Gva word) {
    return kernel.identity().text.contains(word) &&
           std::ranges::find(kHolders, function_name(kernel, word)) != kHolders.end();
  });
}

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

std::vector<Gva> words_of(const Bytes& stack, unsigned width) {
  std::vector<Gva> words;
  for (std::size_t at = 0; at + width <= stack.size(); at += width)
    words.emplace_back(width == 8 ? *load_le<std::uint64_t>(stack, at) : *load_le<std::uint32_t>(stack, at));
  return words;
}

}  // namespace

bool module_memory_in_hand(Kernel& kernel, Gva gva) {
  const VmallocArea* area = find_area(vmalloc_areas(kernel), gva);
  // The page of an area that is gone from the tree, but not yet from the page tables, is all that is known of
  // it.
  const Gva first = area == nullptr ? page_of(gva) : area->start;
  const std::uint64_t size = area == nullptr ? kPageSize : area->size;
  Regions regions(kernel);
  std::size_t looked = 0;
  for (const Task& task : threads(kernel, {TaskParts::none, {}}).entries) {
    if (++looked > kMostStacks) break;
    const auto stack = stack_in_use(kernel, task.address);
    if (!stack) continue;
    const auto words = words_of(*stack, kernel.pointer_size());
    if (!runs_a_holder(kernel, words)) continue;
    const std::set<Gva> different(words.begin(), words.end());
    const auto& image = kernel.identity().image;
    if (std::ranges::any_of(different, [&](Gva word) {
          return word - first < size || (!image.contains(word) && regions.reach(word, page_of(gva)));
        }))
      return true;
  }
  return false;
}

}  // namespace ringside::guest::linux
