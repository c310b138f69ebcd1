// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/fake_kernel.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// A kernel that keeps its modules in every way in which Linux does, in a layout that no release has. Add
/// modules, take what a test hides out of one of the records, then finish().
class ModuleViewWorld {
 public:
  using Gva = guest::Gva;
  /// How old the kernel is: up to 6.8 all areas of virtual memory are in one list.
  enum class Areas { list, nodes };
  struct Module {
    static constexpr std::uint32_t state = 0, list = 8, name = 24, kobj = 80, entry = 8, owner = 48,
                                   mem = 144, memory_size = 72, nodes = 24, taints = 648, types = 656,
                                   sites = 660, bug_list = 664, site_list = 680, size = 704;
  };
  struct Area {
    static constexpr std::uint32_t first = 0, end = 8, tree = 16, list = 40, vm = 56, size = 64;
  };
  /// Where memory of modules is: 64 KiB of it for each.
  static constexpr std::uint64_t kModules = 0x2000000;

  explicit ModuleViewWorld(Areas kept = Areas::list) : areas_(kept) {
    describe();
    auto& identity = kernel.mutable_identity();
    identity.image = {Gva{0x1000000}, Gva{0x1800000}};
    identity.text = {Gva{0x1000000}, Gva{0x1400000}};
    kernel.define("load_module", Gva{0x1001000}, 'T');
    kernel.define("bpf_prog_pack_alloc", Gva{0x1002000}, 'T');
    kernel.define("__end_of_functions", Gva{0x1003000}, 'T');
    modules_ = kernel.define_variable("modules", 16);
    set_ = kernel.allocate(16);
    kernel.put_pointer(kernel.define_variable("module_kset", 8), set_.value);
    tree_ = kernel.define_variable("mod_tree", 24);
    btf_ = kernel.define_variable("btf_modules", 16);
    bugs_ = kernel.define_variable("module_bug_list", 16);
    traced_ = kernel.define_variable("ftrace_pages_start", 8);
    mask = kernel.define_variable("tainted_mask", 8);
    kernel.define("do_free_init", Gva{0x1002800}, 'T');
    init_free_list = kernel.define_variable("init_free_list", 8);
    kernel.define_variable("init_free_wq", 32);
    const Gva pool = kernel.allocate(16);
    worker = kernel.allocate(32);
    kernel.put_pointer(kernel.define_variable("worker_pool_idr", 8), pool.value);
    kernel.put_list(pool, std::vector{worker + 16});
    if (areas_ == Areas::list) {
      area_head_ = kernel.define_variable("vmap_area_list", 16);
    } else {
      area_head_ = kernel.allocate(16);
      kernel.put_pointer(kernel.define_variable("vmap_nodes", 8), area_head_.value);
      kernel.put(kernel.define_variable("nr_vmap_nodes", 4), std::uint32_t{1});
    }
  }

  /// A module with types and functions that ftrace knows, all in one area. `at`: its place in that.
  Gva add(std::string_view name, std::uint32_t state = 0) {
    const Gva base = next_, module = base + 0x1000;
    next_ = next_ + 0x10000;
    kernel.put(module + Module::state, state);
    kernel.put_string(module + Module::name, name);
    kernel.put_pointer(module + (Module::kobj + Module::owner), module.value);
    kernel.put(module + Module::types, std::uint32_t{100});
    kernel.put(module + Module::sites, std::uint32_t{3});
    set_memory(module, 0, base, 0x1000);
    set_memory(module, 1, base, 0x3000);
    add_area(base, 0x4000, Gva{0x1001010});
    for (auto* record : {&listed, &in_sysfs, &in_tree, &in_tree_too, &with_types, &with_bugs, &traced})
      record->push_back(module);
    return module;
  }
  void set_memory(Gva module, unsigned kind, Gva base, std::uint32_t size) {
    const Gva at = module + (Module::mem + std::uint64_t{kind} * Module::memory_size);
    kernel.put_pointer(at, base.value);
    kernel.put(at + 8, size);
    kernel.put_pointer(at + 16, module.value);
  }
  Gva add_area(Gva first, std::uint64_t size, Gva caller) {
    const Gva area = kernel.allocate(Area::size), vm = kernel.allocate(32);
    kernel.put_pointer(area + Area::first, first.value);
    kernel.put_pointer(area + Area::end, first.value + size);
    kernel.put_pointer(area + Area::vm, vm.value);
    kernel.put_pointer(vm + 8, caller.value);
    areas.push_back(area);
    return area;
  }
  static void take_out(std::vector<Gva>& from, Gva module) { std::erase(from, module); }
  static Gva base_of(Gva module) { return Gva{module.value - 0x1000}; }

  /// Writes the records.
  void finish() {
    put_list(modules_, listed, Module::list);
    put_list(set_, in_sysfs, Module::kobj + Module::entry);
    put_list(bugs_, with_bugs, Module::bug_list);
    put_tree(tree_ + 8, in_tree, Module::mem + Module::nodes);
    put_tree(tree_ + 16, in_tree_too, Module::mem + Module::nodes + 24);
    std::vector<Gva> types;
    for (const Gva module : with_types) {
      types.push_back(kernel.allocate(32));
      kernel.put_pointer(types.back() + 16, module.value);
    }
    put_list(btf_, types, 0);
    Gva before = traced_;
    for (const Gva module : traced) {
      const Gva page = kernel.allocate(24), record = kernel.allocate(16);
      kernel.put_pointer(before, page.value);
      kernel.put_pointer(page + 8, record.value);
      kernel.put(page + 16, std::int32_t{1});
      kernel.put_pointer(record, base_of(module).value + 16);
      before = page;
    }
    if (areas_ == Areas::list)
      put_list(area_head_, areas, Area::list);
    else
      put_tree(area_head_ + 8, areas, Area::tree);
  }

  FakeKernel kernel;
  Gva mask, init_free_list, worker;
  std::vector<Gva> listed, in_sysfs, in_tree, in_tree_too, with_types, with_bugs, traced, areas;

 private:
  void put_list(Gva head, const std::vector<Gva>& objects, std::uint32_t link) {
    std::vector<Gva> nodes;
    for (const Gva object : objects) nodes.push_back(object + link);
    kernel.put_list(head, nodes);
  }
  /// All to the right of each other: no balanced tree, but one.
  void put_tree(Gva root, const std::vector<Gva>& objects, std::uint32_t link) {
    Gva at = root, parent{0};
    for (const Gva object : objects) {
      const Gva node = object + link;
      kernel.put_pointer(at, node.value);
      kernel.put_pointer(node, parent.value);
      kernel.put_pointer(node + 8, 0);
      kernel.put_pointer(node + 16, 0);
      parent = node;
      at = node + 8;
    }
    if (objects.empty()) kernel.put_pointer(root, 0);
  }
  void describe();

  Areas areas_;
  Gva modules_, set_, tree_, btf_, bugs_, traced_, area_head_;
  Gva next_{kModules};
};

inline void ModuleViewWorld::describe() {
  auto& btf = kernel.btf_writer();
  const auto s32 = btf.integer("int", 4, true), u32 = btf.integer("unsigned int", 4),
             u64 = btf.integer("unsigned long", 8), u8 = btf.integer("unsigned char", 1),
             pointer = btf.pointer(0);
  const auto add = [&](std::string_view name, std::uint32_t size, std::vector<BtfWriter::Member> members) {
    for (auto& member : members) member.bits *= 8;
    return btf.struct_(name, size, members);
  };
  const auto list = add("list_head", 16, {{"next", pointer, 0}, {"prev", pointer, 8}}),
             node = add("rb_node", 24,
                        {{"__rb_parent_color", u64, 0}, {"rb_right", pointer, 8}, {"rb_left", pointer, 16}}),
             root = add("rb_root", 8, {{"rb_node", pointer, 0}}), nodes = btf.array(node, 2),
             roots = btf.array(root, 2), name = btf.array(u8, 56);
  const auto latch_node = add("latch_tree_node", 48, {{"node", nodes, 0}}),
             latch_root = add("latch_tree_root", 24, {{"seq", u32, 0}, {"tree", roots, 8}});
  add("mod_tree_root", 24, {{"root", latch_root, 0}});
  // A node stands in each memory of a module, here with its owner before it.
  const auto tree_node = add("mod_tree_node", 56, {{"mod", pointer, 0}, {"node", latch_node, 8}}),
             memory = add("module_memory", Module::memory_size,
                          {{"base", pointer, 0}, {"size", u32, 8}, {"mtn", tree_node, 16}}),
             memories = btf.array(memory, 7);
  btf.enum_("mod_mem_type", {{"MOD_TEXT", 0}, {"MOD_DATA", 1}, {"MOD_RODATA", 2}});
  const auto object = add("kobject", 24, {{"name", pointer, 0}, {"entry", list, Module::entry}}),
             module_object =
                 add("module_kobject", 56, {{"kobj", object, 0}, {"mod", pointer, Module::owner}});
  add("kset", 16, {{"list", list, 0}});
  using M = Module;
  add("module", M::size,
      {{"state", u32, M::state},
       {"list", list, M::list},
       {"name", name, M::name},
       {"mkobj", module_object, M::kobj},
       {"mem", memories, M::mem},
       {"taints", u64, M::taints},
       {"btf_data_size", u32, M::types},
       {"num_ftrace_callsites", u32, M::sites},
       {"ftrace_callsites", pointer, M::site_list},
       {"bug_list", list, M::bug_list}});
  add("btf_module", 32, {{"list", list, 0}, {"module", pointer, 16}});
  add("ftrace_page", 24, {{"next", pointer, 0}, {"records", pointer, 8}, {"index", s32, 16}});
  add("dyn_ftrace", 16, {{"ip", u64, 0}, {"flags", u64, 8}});
  add("vmap_area", Area::size,
      {{"va_start", u64, Area::first},
       {"va_end", u64, Area::end},
       {"rb_node", node, Area::tree},
       {"list", list, Area::list},
       {"vm", pointer, Area::vm}});
  add("xarray", 8, {{"xa_head", pointer, 0}});
  add("worker_pool", 16, {{"workers", list, 0}});
  add("worker", 32, {{"current_func", pointer, 8}, {"node", list, 16}});
  add("vm_struct", 32,
      {{"flags", u64, 0}, {"caller", pointer, 8}, {"pages", pointer, 16}, {"nr_pages", s32, 24}});
  const auto busy = add("rb_list", 8, {{"root", root, 0}});
  add("vmap_node", 16, {{"busy", busy, 8}});
}

}  // namespace ringside::testing
