// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_release.h"

#include "base/bytes.h"
#include "guest/linux/pages/vmalloc_areas.h"
#include "guest/linux/tasks.h"
#include "guest/linux/views/task_stack.h"

#include <algorithm>
#include <array>
#include <string_view>

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

bool holds(Kernel& kernel, const Bytes& stack, Gva first, std::uint64_t size) {
  bool names_it = false, stands_there = false;
  const unsigned width = kernel.pointer_size();
  for (std::size_t at = 0; at + width <= stack.size() && !(names_it && stands_there); at += width) {
    const Gva word{width == 8 ? *load_le<std::uint64_t>(stack, at) : *load_le<std::uint32_t>(stack, at)};
    if (word - first < size) names_it = true;
    if (!stands_there && kernel.identity().text.contains(word))
      stands_there = std::ranges::find(kHolders, function_name(kernel, word)) != kHolders.end();
  }
  return names_it && stands_there;
}

}  // namespace

bool module_memory_in_hand(Kernel& kernel, Gva gva) {
  const VmallocArea* area = find_area(vmalloc_areas(kernel), gva);
  // The page of an area that is gone from the tree, but not yet from the page tables, is all that is known of
  // it.
  const Gva first = area == nullptr ? page_of(gva) : area->start;
  const std::uint64_t size = area == nullptr ? kPageSize : area->size;
  std::size_t looked = 0;
  for (const Task& task : threads(kernel, {TaskParts::none, {}}).entries) {
    if (++looked > kMostStacks) break;
    const auto stack = stack_in_use(kernel, task.address);
    if (stack && holds(kernel, *stack, first, size)) return true;
  }
  return false;
}

}  // namespace ringside::guest::linux
