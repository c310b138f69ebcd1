// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_registers.h"

#include "guest/linux/modules.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/pointers.h"
#include "guest/linux/walkers.h"

#include <algorithm>
#include <set>
#include <string>

namespace ringside::guest::linux {

namespace {

/// Built-in code has kobjects in the same set, some hundred.
constexpr std::uint64_t kMaxObjects = 1u << 16;
/// A module has a node for each of its memories.
constexpr std::uint64_t kMaxTreeNodes = kMaxModules * kModuleRegionKinds;
constexpr std::uint64_t kMaxRecordPages = 1u << 20;

/// Objects of `type` in the list at `head`, linked by `link`; adds where `member` of each points to.
Result<void> take_list(Kernel& kernel, Gva head, std::string_view type, std::string_view link,
                       std::string_view member, std::uint64_t max, View& view) {
  RINGSIDE_TRY(const Field node_field, kernel.field(type, link));
  RINGSIDE_TRY(const Field pointer, kernel.field(type, member));
  std::optional<Error> unread;
  RINGSIDE_CHECK(walk_list(kernel, head, max, [&](Gva node) {
    const auto module = kernel.read_pointer_field(Gva{node - Gva{node_field.offset}}, pointer);
    if (!module)
      unread = module.error();
    else if (*module != Gva{0})
      view.add(*module);
    return true;
  }));
  if (unread) return fail(std::move(*unread));
  return {};
}

Result<void> take_sysfs(Kernel& kernel, Gva variable, View& view) {
  RINGSIDE_TRY(const Gva set, kernel.read_pointer(variable));
  if (set == Gva{0}) return {};
  RINGSIDE_TRY(const Field list, kernel.field("kset", "list"));
  return take_list(kernel, set + list.offset, "module_kobject", "kobj.entry", "mod", kMaxObjects, view);
}

Result<void> take_tree(Kernel& kernel, Gva variable, unsigned copy, View& view) {
  const std::string index = "[" + std::to_string(copy) + "]";
  RINGSIDE_TRY(const Field root, kernel.field("mod_tree_root", "root.tree" + index));
  RINGSIDE_TRY(const Field link, kernel.field("mod_tree_node", "node.node" + index));
  RINGSIDE_TRY(const Field owner, kernel.field("mod_tree_node", "mod"));
  std::optional<Error> unread;
  RINGSIDE_CHECK(walk_rb_tree(kernel, variable + root.offset, kMaxTreeNodes, [&](Gva node) {
    const auto module = kernel.read_pointer_field(Gva{node - Gva{link.offset}}, owner);
    if (module)
      view.add(*module);
    else
      unread = module.error();
    return true;
  }));
  if (unread) return fail(std::move(*unread));
  return {};
}

Result<void> take_bugs(Kernel& kernel, Gva head, View& view) {
  RINGSIDE_TRY(const Field link, kernel.field("module", "bug_list"));
  return walk_list(kernel, head, kMaxModules, [&](Gva node) {
    view.add(Gva{node - Gva{link.offset}});
    return true;
  });
}

}  // namespace

ModuleRegisters module_registers(Kernel& kernel) {
  ModuleRegisters registers;
  const auto take = [&](std::string_view symbol, std::string_view what, View& view, auto&& walk) {
    const auto at = kernel.find_symbol(symbol);
    if (!at) return;
    view.exists();
    if (auto done = walk(*at, view); !done) view.broken(done.error().within(what));
  };
  take("module_kset", "modules in sysfs", registers.sysfs,
       [&](Gva at, View& view) { return take_sysfs(kernel, at, view); });
  for (unsigned copy = 0; copy < 2; ++copy)
    take("mod_tree", "the tree of modules", registers.trees[copy],
         [&](Gva at, View& view) { return take_tree(kernel, at, copy, view); });
  take("btf_modules", "modules with types", registers.btf, [&](Gva at, View& view) {
    return take_list(kernel, at, "btf_module", "list", "module", kMaxModules, view);
  });
  take("module_bug_list", "modules with bug tables", registers.bugs,
       [&](Gva at, View& view) { return take_bugs(kernel, at, view); });
  return registers;
}

std::optional<TracedFunctions> traced_outside_image(Kernel& kernel) {
  const auto variable = kernel.find_symbol("ftrace_pages_start");
  if (!variable) return std::nullopt;
  TracedFunctions traced;
  ObjectReader page(kernel, "ftrace_page");
  const auto next = page.add("next"), records = page.add("records"), count = page.add("index");
  const auto function = kernel.field("dyn_ftrace", "ip");
  const auto broken = [&](Error error) {
    traced.problems.push_back(error.within("the records of ftrace"));
    return traced;
  };
  // After a mistake of its own it takes no module in any more (kernel/trace/ftrace.c, ftrace_kill).
  if (const auto disabled = kernel.find_symbol("ftrace_disabled"))
    if (const auto value = kernel.read<std::int32_t>(*disabled); value && *value != 0)
      return broken({Errc::unavailable, "ftrace has switched itself off (ftrace_disabled)"});
  if (!page.missing().empty()) return broken(page.missing().front());
  if (!function) return broken(function.error());
  auto at = kernel.read_pointer(*variable);
  if (!at) return broken(at.error());
  std::set<std::uint64_t> seen;
  while (*at != Gva{0}) {
    if (!seen.insert(at->value).second || seen.size() > kMaxRecordPages)
      return broken({Errc::malformed, "the pages do not end"});
    if (auto read = page.read(*at); !read) return broken(read.error());
    if (page.integer(count).value_or(0) != 0) {
      const auto first = kernel.read_pointer_field(page.pointer(records).value_or(Gva{0}), *function);
      if (!first) return broken(first.error());
      if (!kernel.identity().image.contains(*first) && *first != Gva{0}) traced.functions.push_back(*first);
    }
    at = page.pointer(next).value_or(Gva{0});
  }
  std::ranges::sort(traced.functions);
  return traced;
}

bool TracedFunctions::any_in(Gva first, std::uint64_t size) const {
  const auto found = std::ranges::lower_bound(functions, first);
  return found != functions.end() && *found - first < size;
}

}  // namespace ringside::guest::linux
