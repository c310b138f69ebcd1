// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/held_on_stacks.h"

#include "base/bytes.h"
#include "guest/linux/pages/vmalloc_areas.h"
#include "guest/linux/pointers.h"
#include "guest/linux/tasks.h"
#include "guest/linux/views/task_stack.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace ringside::guest::linux {

namespace {

/// Of threads whose stacks are looked at.
constexpr std::size_t kMostStacks = 1u << 14;

std::vector<Gva> words_of(const Bytes& stack, unsigned width) {
  std::vector<Gva> words;
  for (std::size_t i = 0; i < stack.size() / width; ++i) words.push_back(pointer_in(stack, i, width));
  return words;
}

}  // namespace

std::optional<bool> held_on_a_stack(Kernel& kernel, std::span<const std::string_view> functions,
                                    const std::function<bool(Gva word)>& is_it) {
  const auto returns_to_one = [&](Gva word) {
    if (!kernel.identity().text.contains(word)) return false;
    // Compilers put what happens seldom, as when something fails, into a part of its own: load_module.cold.
    std::string name = function_name(kernel, word);
    name.resize(std::min(name.size(), name.find('.')));
    return std::ranges::find(functions, name) != functions.end();
  };
  std::size_t looked = 0;
  const auto tasks = threads(kernel, {TaskParts::none, {}});
  for (const Task& task : tasks.entries) {
    if (++looked > kMostStacks) break;
    const auto stack = stack_in_use(kernel, task.address);
    if (!stack) continue;
    const auto words = words_of(*stack, kernel.pointer_size());
    if (!std::ranges::any_of(words, returns_to_one)) continue;
    const std::set<Gva> different(words.begin(), words.end());
    if (std::ranges::any_of(different, is_it)) return true;
  }
  return tasks.problems.empty() ? std::optional(false) : std::nullopt;
}

}  // namespace ringside::guest::linux
