// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/fake_modules.h"
#include "tests/unit/support/trace_types.h"

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// A kernel with what tracing, security modules and BPF hang their functions on, in a layout that no release
/// has. Nothing is hung up to begin with. Functions of the kernel have names; the module "driver" has text.
class TraceWorld {
 public:
  using Gva = guest::Gva;
  /// How security hooks are called, and what comes with that: areas of vmalloc in trees, lists of consumers.
  enum class Age { older, newer };

  // Offsets, in bytes.
  struct Ops {
    static constexpr std::uint32_t func = 0, next = 8, flags = 16, saved_func = 24, func_hash = 32,
                                   trampoline = 40, trampoline_size = 48, size = 64;
  };
  struct Kprobe {
    static constexpr std::uint32_t hlist = 0, list = 16, addr = 32, pre = 40, post = 48, flags = 56,
                                   handler = 64, entry_handler = 72, rethook = 80, size = 96;
  };
  struct Fprobe {
    static constexpr std::uint32_t ops = 0, flags = 64, entry = 72, exit = 80, size = 96;
  };
  struct Uprobe {
    static constexpr std::uint32_t node = 0, consumers = 24, inode = 40, offset = 48, size = 64;
  };
  struct Consumer {
    static constexpr std::uint32_t handler = 0, ret_handler = 8, filter = 16, link = 24, size = 48;
  };
  struct Point {
    static constexpr std::uint32_t name = 0, enabled = 8, call_key = 16, iterator = 24, regfunc = 32,
                                   unregfunc = 40, funcs = 48, size = 64;
  };
  struct Patch {
    static constexpr std::uint32_t mod = 0, list = 8, objects = 24, enabled = 40, size = 48;
    static constexpr std::uint32_t object_name = 0, object_functions = 8, object_node = 24;
    static constexpr std::uint32_t old_name = 0, new_func = 8, old_func = 16, node = 24, stack_node = 40;
    static constexpr std::uint32_t ops_node = 0, ops_stack = 16;
  };
  struct Program {
    static constexpr std::uint32_t jited = 0, type = 4, length = 8, jited_size = 12, tag = 16, aux = 24,
                                   function = 32, instructions = 40;
    static constexpr std::uint32_t references = 0, id = 8, used_maps = 12, function_count = 16,
                                   functions = 24, user = 32, load_time = 40, name = 48, attach = 64,
                                   aux_size = 72;
  };
  struct Object {  // struct bpf_map and struct bpf_link
    static constexpr std::uint32_t operations = 0, id = 8, type = 12, name = 16, size = 48, program = 16,
                                   event = 24;
  };
  static constexpr std::uint64_t kFunction = 0x1000100, kDriver = 0xffffffffc0100000,
                                 kNobody = 0xffffffffc0900000;

  explicit TraceWorld(Age age = Age::newer) : age_(age) {
    name_functions();
    describe_trace_types(kernel.btf_writer(), age_ == Age::newer);
    make_roots();
    driver = modules.add("driver");
    modules.set_region(driver, {guest::linux::ModuleRegionKind::text, kDriver, 0x3000});
    modules.set_symbols(driver, {{"", 0, '?', 0}, {"hook", kDriver + 0x100}});
  }

  FakeModules modules;
  FakeKernel& kernel = modules.kernel;
  Gva driver;

  /// What stands in memory now; without the snapshot, which keeps pages as it first saw them.
  Gva peek(Gva at) {
    std::uint64_t value = 0;
    if (!kernel.memory().read(guest::Gpa{at.value}, std::as_writable_bytes(std::span(&value, 1))))
      throw std::out_of_range("nothing was made there");
    return Gva{value};
  }
  Gva function(std::string_view name) { return kernel.symbol(name).value(); }

  // --- tracing
  Gva add_ops(Gva func, std::uint64_t flags = 1) {
    const Gva at = kernel.allocate(Fprobe::size), hashes = kernel.allocate(16);
    kernel.put_pointer(at + Ops::func, func.value);
    kernel.put_pointer(at + Ops::saved_func, func.value);
    kernel.put(at + Ops::flags, flags);
    kernel.put_pointer(at + Ops::func_hash, hashes.value);
    kernel.put_pointer(at + Ops::next, ops_end_.value);
    kernel.put_pointer(last_ops_, at.value);
    last_ops_ = at + Ops::next;
    return at;
  }
  /// A hash of functions with two chains.
  Gva make_hash(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& entries) {
    const Gva hash = kernel.allocate(32), buckets = kernel.allocate(16);
    kernel.put(hash, std::uint64_t{1});
    kernel.put_pointer(hash + 8, buckets.value);
    kernel.put(hash + 16, std::uint64_t{entries.size()});
    for (const auto& [ip, direct] : entries) {
      const Gva entry = kernel.allocate(32);
      kernel.put_pointer(entry + 16, ip);
      kernel.put_pointer(entry + 24, direct);
      push(buckets + 8 * (ip / 16 % 2), entry);
    }
    return hash;
  }
  void set_filter(Gva ops, Gva hash, bool excluded = false) {
    const Gva hashes = peek(ops + Ops::func_hash);
    kernel.put_pointer(hashes + (excluded ? 0 : 8), hash.value);
  }
  void set_direct(Gva hash) { kernel.put_pointer(direct_, hash.value); }
  Gva make_kprobe(Gva address, Gva pre, std::uint32_t flags = 0) {
    const Gva at = kernel.allocate(Kprobe::size);
    kernel.put_pointer(at + Kprobe::addr, address.value);
    kernel.put_pointer(at + Kprobe::pre, pre.value);
    kernel.put(at + Kprobe::flags, flags);
    kernel.put_list(at + Kprobe::list, {});
    return at;
  }
  Gva add_kprobe(Gva address, Gva pre, std::uint32_t flags = 0) {
    const Gva at = make_kprobe(address, pre, flags);
    push(kprobes_ + 8 * (address.value / 16 % 64), at + Kprobe::hlist);
    return at;
  }
  Gva add_uprobe(std::uint64_t offset) {
    const Gva at = kernel.allocate(Uprobe::size), inode = kernel.allocate(32);
    kernel.put(inode, std::uint64_t{77});
    kernel.put_pointer(at + Uprobe::inode, inode.value);
    kernel.put(at + Uprobe::offset, offset);
    if (age_ == Age::newer) kernel.put_list(at + Uprobe::consumers, {});
    kernel.put_pointer(uprobes_, at.value);  // the only node of the tree
    return at;
  }
  Gva add_consumer(Gva uprobe, Gva handler) {
    const Gva at = kernel.allocate(Consumer::size);
    kernel.put_pointer(at + Consumer::handler, handler.value);
    if (age_ == Age::older)
      kernel.put_pointer(uprobe + Uprobe::consumers, at.value);
    else
      kernel.put_list(uprobe + Uprobe::consumers, std::vector{at + Consumer::link});
    return at;
  }
  /// Says where the tables of tracepoints and static calls end. Call when all are added.
  void finish() {
    kernel.define("__stop___tracepoints_ptrs", points_ + 4 * points_used_);
    kernel.define("__stop_static_call_sites", sites_ + 8 * points_used_);
  }
  /// With an iterator and a static call that leads to it. Add before the first look.
  Gva add_tracepoint(const std::string& name) {
    const Gva at = kernel.allocate(Point::size), key = kernel.allocate(16);
    kernel.put_pointer(at + Point::name, modules.text(name).value);
    const Gva iterator = add_function("__traceiter_" + name);
    kernel.put_pointer(at + Point::iterator, iterator.value);
    kernel.put_pointer(at + Point::call_key, key.value);
    kernel.put_pointer(key, iterator.value);
    kernel.define("__SCK__tp_func_" + name, key);
    put_relative(points_ + 4 * points_used_, at);
    put_relative(sites_ + 8 * points_used_, Gva{kFunction});
    put_relative(sites_ + (8 * points_used_ + 4), key);
    ++points_used_;
    return at;
  }
  void set_probes(Gva point, const std::vector<Gva>& functions, bool enabled = true) {
    const Gva array = kernel.allocate(24 * (functions.size() + 1));
    for (std::size_t i = 0; i < functions.size(); ++i) {
      kernel.put_pointer(array + 24 * i, functions[i].value);
      kernel.put(array + 24 * i + 16, std::int32_t{10});
    }
    kernel.put_pointer(point + Point::funcs, array.value);
    kernel.put(point + Point::enabled, std::int32_t{enabled ? 1 : 0});
    const Gva key = peek(point + Point::call_key);
    if (functions.size() == 1) kernel.put_pointer(key, functions[0].value);
  }
  /// A struct klp_func that stands in a patch of module driver, and among what is called, if so asked.
  Gva add_livepatch(Gva old_function, Gva new_function, bool listed, bool active) {
    const Gva at = kernel.allocate(64);
    kernel.put_pointer(at + Patch::old_name, modules.text("patched").value);
    kernel.put_pointer(at + Patch::old_func, old_function.value);
    kernel.put_pointer(at + Patch::new_func, new_function.value);
    if (listed) {
      const Gva patch = kernel.allocate(Patch::size), object = kernel.allocate(64);
      kernel.put_pointer(patch + Patch::mod, driver.value);
      kernel.put(patch + Patch::enabled, std::uint8_t{1});
      kernel.put_list(patches_, std::vector{patch + Patch::list});
      kernel.put_list(patch + Patch::objects, std::vector{object + Patch::object_node});
      kernel.put_list(object + Patch::object_functions, std::vector{at + Patch::node});
    }
    if (active) {
      const Gva ops = kernel.allocate(64);
      kernel.put_list(patch_ops_, std::vector{ops + Patch::ops_node});
      kernel.put_list(ops + Patch::ops_stack, std::vector{at + Patch::stack_node});
    }
    return at;
  }

  // --- security modules
  /// In hook 0 ("file_open") or 1 ("inode_permission"); gives the struct security_hook_list.
  Gva add_hook(unsigned hook, Gva function) {
    const Gva entry = kernel.allocate(48);
    kernel.put_pointer(entry + 16, function.value);
    kernel.put_pointer(entry + 24, lsm_name_.value);
    if (age_ == Age::older) {
      push(hooks_ + 8 * hook, entry);
      return entry;
    }
    const Gva place = hook_place(hook);
    kernel.put_pointer(place + 16, entry.value);
    kernel.put_pointer(hook_key(hook), function.value);
    kernel.put(hook_switch(hook), std::int32_t{1});
    return entry;
  }
  Gva hook_place(unsigned hook) const { return hooks_ + 64 * hook; }  ///< of two places the first
  Gva hook_key(unsigned hook) { return peek(hook_place(hook)); }
  Gva hook_switch(unsigned hook) { return peek(hook_place(hook) + 24); }

  // --- BPF
  /// A program that is listed and allocated, loaded by user 1000.
  Gva add_program(std::uint32_t id, std::uint32_t type, std::string_view name) {
    const Gva at = make_program(id, type, name);
    list_program(at, id);
    return at;
  }
  /// One that is allocated and no more.
  /// `caller`: who asked for its memory.
  Gva make_program(std::uint32_t id, std::uint32_t type, std::string_view name,
                   std::string_view caller = "bpf_prog_alloc_no_stats") {
    const Gva at = allocate_page(), aux = kernel.allocate(Program::aux_size);
    kernel.put(at + Program::jited, std::uint32_t{1});
    kernel.put(at + Program::type, type);
    kernel.put_pointer(at + Program::aux, aux.value);
    kernel.put_pointer(at + Program::function, function("__bpf_prog_run512").value);
    kernel.put(aux + Program::references, std::uint64_t{1});
    kernel.put(aux + Program::id, id);
    kernel.put_pointer(aux + Program::user, user_.value);
    if (!name.empty()) {
      kernel.put(aux + Program::load_time, std::uint64_t{5'000'000'000});
      kernel.put_string(aux + Program::name, name);
    }
    allocate_area(at, function(caller) + 0x10);
    return at;
  }
  Gva aux_of(Gva program) { return peek(program + Program::aux); }
  /// Calls these helpers.
  void set_calls(Gva program, const std::vector<Gva>& helpers) {
    kernel.put(program + Program::length, static_cast<std::uint32_t>(helpers.size()));
    for (std::size_t i = 0; i < helpers.size(); ++i) {
      kernel.put(program + Program::instructions + 8 * i, std::uint8_t{0x85});
      kernel.put(program + Program::instructions + 8 * i + 4,
                 static_cast<std::uint32_t>(helpers[i] - function("__bpf_call_base")));
    }
  }
  void set_functions(Gva program, const std::vector<Gva>& functions) {
    const Gva array = kernel.allocate(8 * functions.size());
    for (std::size_t i = 0; i < functions.size(); ++i) kernel.put_pointer(array + 8 * i, functions[i].value);
    kernel.put(aux_of(program) + Program::function_count, static_cast<std::uint32_t>(functions.size()));
    kernel.put_pointer(aux_of(program) + Program::functions, array.value);
  }
  void list_program(Gva program, std::uint32_t id) { put_in(programs_, id, program); }
  void unlist_program(std::uint32_t id) { put_in(programs_, id, Gva{0}); }
  Gva add_map(std::uint32_t id, std::string_view name, Gva operations) {
    const Gva at = kernel.allocate(Object::size);
    kernel.put_pointer(at + Object::operations, operations.value);
    kernel.put(at + Object::id, id);
    kernel.put(at + Object::type, std::uint32_t{1});
    kernel.put_string(at + Object::name, name);
    put_in(maps_, id, at);
    return at;
  }
  /// A raw_tracepoint link.
  Gva add_link(std::uint32_t id, Gva program, Gva tracepoint, Gva operations) {
    const Gva at = kernel.allocate(Object::size), event = kernel.allocate(8);
    kernel.put_pointer(at + Object::operations, operations.value);
    kernel.put(at + Object::id, id);
    kernel.put(at + Object::type, std::uint32_t{1});
    kernel.put_pointer(at + Object::program, program.value);
    kernel.put_pointer(at + Object::event, event.value);
    kernel.put_pointer(event, tracepoint.value);
    put_in(links_, id, at);
    return at;
  }
  Gva allocate_page() {
    return Gva{(kernel.allocate(2 * guest::kPageSize).value + guest::kPageSize - 1) &
               ~(guest::kPageSize - 1)};
  }
  /// An area of vmalloc at `at` that the function around `caller` asked for.
  void allocate_area(Gva at, Gva caller) {
    const Gva area = kernel.allocate(64), vm = kernel.allocate(64);
    kernel.put_pointer(area, at.value);
    kernel.put_pointer(area + 48, vm.value);
    kernel.put_pointer(area + 56, at.value + 2 * guest::kPageSize);
    kernel.put_pointer(vm + 8, caller.value);
    areas_.push_back(area);
    if (age_ == Age::older) {
      std::vector<Gva> nodes;
      for (const Gva one : areas_) nodes.push_back(one + 32);
      kernel.put_list(area_list_, nodes);
      return;
    }
    // A tree that leans to the right: few tests need more.
    const Gva node = area + 8;
    if (areas_.size() == 1) {
      kernel.put_pointer(area_root_, node.value);
    } else {
      const Gva parent = areas_[areas_.size() - 2] + 8;
      kernel.put_pointer(node, parent.value);
      kernel.put_pointer(parent + 8, node.value);
    }
  }

 private:
  Gva add_function(const std::string& name) {
    const Gva at{next_function_};
    next_function_ += 0x100;
    kernel.define(name, at, 'T');
    return at;
  }
  void name_functions() {
    kernel.define("_stext", Gva{0x1000000}, 'T');
    for (const char* name : {"function_trace_call",
                             "ftrace_stub",
                             "kprobe_ftrace_handler",
                             "fprobe_handler",
                             "kprobe_dispatcher",
                             "pre_handler_kretprobe",
                             "aggr_pre_handler",
                             "kretprobe_dispatcher",
                             "kretprobe_rethook_handler",
                             "uprobe_dispatcher",
                             "perf_trace_sched_switch",
                             "apparmor_file_open",
                             "cap_capable",
                             "bpf_prog_alloc_no_stats",
                             "__bpf_prog_run512",
                             "bpf_prog_realloc",
                             "bpf_jit_blind_constants",
                             "__bpf_call_base",
                             "bpf_probe_write_user",
                             "bpf_map_lookup_elem",
                             "register_ftrace_function",
                             "register_kprobe",
                             "register_fprobe",
                             "uprobe_register",
                             "tracepoint_probe_register",
                             "__static_call_update",
                             "klp_enable_patch",
                             "security_add_hooks",
                             "bpf_prog_new_fd",
                             "bpf_map_put",
                             "bpf_link_put",
                             "do_sys_open"})
      add_function(name);
    kernel.define("__start_rodata", Gva{0x1400000}, 'R');
    kernel.define("htab_map_ops", Gva{0x1400100}, 'r');
    kernel.define("bpf_raw_tp_link_lops", Gva{0x1400200}, 'r');
    kernel.define("__end_rodata", Gva{0x1500000}, 'R');
  }
  void make_roots() {
    ops_end_ = kernel.define_variable("ftrace_list_end", Ops::size);
    last_ops_ = kernel.define_variable("ftrace_ops_list", 8);
    kernel.put_pointer(last_ops_, ops_end_.value);
    kernel.put_pointer(kernel.define_variable("ftrace_trace_function", 8), function("ftrace_stub").value);
    direct_ = kernel.define_variable("direct_functions", 8);
    kprobes_ = kernel.define_variable("kprobe_table", 8 * 64);
    uprobes_ = kernel.define_variable("uprobes_tree", 8);
    points_ = kernel.define_variable("__start___tracepoints_ptrs", 64);
    sites_ = kernel.define_variable("__start_static_call_sites", 128);
    patches_ = kernel.define_variable("klp_patches", 16);
    patch_ops_ = kernel.define_variable("klp_ops", 16);
    kernel.put_list(patches_, {});
    kernel.put_list(patch_ops_, {});
    programs_ = make_idr("prog_idr");
    maps_ = make_idr("map_idr");
    links_ = make_idr("link_idr");
    user_ = kernel.allocate(16);
    kernel.put(user_ + 8, std::uint32_t{1000});
    lsm_name_ = modules.text("apparmor");
    if (age_ == Age::older) {
      hooks_ = kernel.define_variable("security_hook_heads", 16);
      area_list_ = kernel.define_variable("vmap_area_list", 16);
      kernel.put_list(area_list_, {});
      return;
    }
    const Gva id = kernel.allocate(16), node = kernel.allocate(32);
    kernel.put_pointer(id, lsm_name_.value);
    lsm_name_ = id;
    hooks_ = kernel.define_variable("static_calls_table", 128);
    for (unsigned place = 0; place < 4; ++place) {
      kernel.put_pointer(hooks_ + 32 * place, kernel.allocate(16).value);
      kernel.put_pointer(hooks_ + (32 * place + 24), kernel.allocate(16).value);
    }
    kernel.put_pointer(kernel.define_variable("vmap_nodes", 8), node.value);
    kernel.put(kernel.define_variable("nr_vmap_nodes", 4), std::uint32_t{1});
    area_root_ = node + 8;
  }

  void push(Gva head, Gva node) {
    kernel.put_pointer(node, peek(head).value);
    kernel.put_pointer(head, node.value);
  }
  void put_relative(Gva at, Gva to) { kernel.put(at, static_cast<std::uint32_t>(to - at)); }
  void put_in(Gva node, std::uint32_t index, Gva entry) {
    kernel.put_pointer(node + (8 + 8 * index), entry.value);
  }
  /// An idr with a node for ids below 64; gives the node.
  Gva make_idr(const std::string& name) {
    const Gva idr = kernel.define_variable(name, 16), node = kernel.allocate(8 + 8 * 64);
    kernel.put_pointer(idr, node.value | 2);
    return node;
  }
  Age age_;
  std::uint64_t next_function_ = kFunction;
  Gva ops_end_, last_ops_, direct_, kprobes_, uprobes_, points_, sites_, patches_, patch_ops_, hooks_,
      lsm_name_, programs_, maps_, links_, user_, area_list_, area_root_;
  std::uint32_t points_used_ = 0;
  std::vector<Gva> areas_;
};

}  // namespace ringside::testing
