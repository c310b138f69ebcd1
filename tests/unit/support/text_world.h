// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/fake_kernel.h"
#include "tests/unit/support/struct_writer.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ringside::testing {

/// A 64-bit kernel with code that it patches: fill it, then finish(), then look.
class TextWorld {
 public:
  using Gva = guest::Gva;
  static constexpr std::uint64_t kText = 0x1000000, kTextSize = 0x10000, kModule = 0x2000000;
  static constexpr std::uint64_t kInitText = 0x1080000;

  TextWorld() {
    auto& identity = kernel.mutable_identity();
    identity.image = {Gva{kText}, Gva{kText + 0x100000}};
    identity.text = {Gva{kText}, Gva{kText + kTextSize}};
    identity.init_text = {Gva{kInitText}, Gva{kInitText + 0x1000}};
    identity.build_id = "0123";
    define_types();
    modules_ = kernel.define_variable("modules", 16);
    kernel.put_list(modules_, {});
    kernel.define("_stext", Gva{kText}, 'T');
    for (std::uint64_t at = 0; at < kTextSize; ++at) kernel.put(Gva{kText + at}, std::uint8_t{0x90});
  }

  FakeKernel kernel;

  void code(Gva at, std::initializer_list<unsigned> bytes) {
    std::uint64_t i = 0;
    for (const unsigned byte : bytes) kernel.put(at + i++, static_cast<std::uint8_t>(byte));
  }
  /// `opcode` and the way to `to`.
  void branch(Gva at, std::uint8_t opcode, Gva to) {
    kernel.put(at, opcode);
    kernel.put(at + 1, static_cast<std::uint32_t>(to.value - at.value - 5));
  }
  Gva number(std::int32_t value) {
    const Gva at = kernel.allocate(8);
    kernel.put(at, value);
    return at;
  }
  Gva pointer(std::uint64_t value) {
    const Gva at = kernel.allocate(8);
    kernel.put(at, value);
    return at;
  }

  struct Jump {
    Gva code, target, key;
    std::uint64_t flags = 0;  ///< 1: likely, 2: in code that was freed
  };
  struct Call {
    Gva code, key;
    std::uint32_t flags = 0;  ///< 1: tail
  };
  struct Record {
    Gva ip;
    std::uint64_t flags = 0;
  };
  std::vector<Jump> jumps;
  std::vector<Call> calls;
  std::vector<Record> records;

  /// Writes the tables of the image.
  void finish() {
    const Gva jump_table = put_jumps(jumps), call_table = kernel.allocate(8 * calls.size() + 8);
    kernel.define("__start___jump_table", jump_table, 'R');
    kernel.define("__stop___jump_table", jump_table + 16 * jumps.size(), 'R');
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const Gva at = call_table + 8 * i;
      kernel.put(at, static_cast<std::uint32_t>(calls[i].code.value - at.value));
      kernel.put(at + 4, static_cast<std::uint32_t>(calls[i].key.value - at.value - 4) | calls[i].flags);
    }
    kernel.define("__start_static_call_sites", call_table, 'R');
    kernel.define("__stop_static_call_sites", call_table + 8 * calls.size(), 'R');
    const Gva table = kernel.allocate(16 * records.size() + 16), page = kernel.allocate(32);
    for (std::size_t i = 0; i < records.size(); ++i) {
      kernel.put(table + 16 * i, records[i].ip.value);
      kernel.put(table + 16 * i + 8, records[i].flags);
    }
    kernel.put(page + 8, table.value);
    kernel.put(page + 16, static_cast<std::uint32_t>(records.size()));
    kernel.put(kernel.define_variable("ftrace_pages_start", 8), page.value);
    if (!kernel.find_symbol("ftrace_caller")) kernel.define("ftrace_caller", Gva{kText + 0xf000}, 'T');
    kernel.define("ftrace_regs_caller", Gva{kText + 0xf100}, 'T');
  }

  /// A live module whose code is one page; its jump labels.
  Gva add_module(const std::string& name, Gva base, const std::vector<Jump>& labels = {},
                 std::uint32_t state = 0, std::uint64_t instance = 7) {
    const Gva module = kernel.allocate(module_size_), node = kernel.allocate(16);
    kernel.put(module + offset_["state"], state);
    kernel.put_string(module + offset_["name"], name);
    kernel.put(module + offset_["mem"], base.value);
    kernel.put(module + offset_["mem"] + 8, std::uint32_t{0x1000});
    kernel.put(module + offset_["jump_entries"], put_jumps(labels).value);
    kernel.put(module + offset_["num_jump_entries"], static_cast<std::uint32_t>(labels.size()));
    kernel.put(node, instance);
    kernel.put(module + offset_["mkobj"], node.value);
    nodes_.insert(nodes_.begin(), module + offset_["list"]);
    kernel.put_list(modules_, nodes_);
    return module;
  }

  /// An entry of the descriptor of code that is being patched now, or was (`uses` 0).
  void patching(Gva at, std::uint32_t uses) {
    const Gva descriptor = kernel.define_variable("bp_desc", 16), entry = kernel.allocate(16);
    kernel.put(entry, static_cast<std::uint32_t>(at.value - kText));
    kernel.put(descriptor, entry.value);
    kernel.put(descriptor + 8, std::uint32_t{1});
    kernel.put(descriptor + 12, uses);
  }

 private:
  Gva put_jumps(const std::vector<Jump>& labels) {
    const Gva table = kernel.allocate(16 * labels.size() + 16);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const Gva at = table + 16 * i;
      kernel.put(at, static_cast<std::uint32_t>(labels[i].code.value - at.value));
      kernel.put(at + 4, static_cast<std::uint32_t>(labels[i].target.value - at.value - 4));
      kernel.put(at + 8, (labels[i].key.value | labels[i].flags) - at.value - 8);
    }
    return table;
  }

  void define_types() {
    auto& btf = kernel.btf_writer();
    const auto u32 = btf.integer("unsigned int", 4), u8 = btf.integer("char", 1),
               u64 = btf.integer("unsigned long", 8), ptr = btf.pointer(0);
    const auto make = [&](const char* name, std::initializer_list<std::pair<const char*, unsigned>> members) {
      StructWriter writer(btf, name);
      for (const auto& [member, size] : members)
        writer.add(member, size == 8 ? u64 : size == 4 ? u32 : u8, size, size);
      return std::pair(writer.finish(), writer.size());
    };
    make("static_key", {{"enabled", 4}});
    make("static_call_key", {{"func", 8}});
    make("ftrace_page", {{"next", 8}, {"records", 8}, {"index", 4}});
    make("dyn_ftrace", {{"ip", 8}, {"flags", 8}});
    make("ftrace_hash", {{"size_bits", 8}, {"buckets", 8}});
    make("ftrace_func_entry", {{"hlist", 8}, {"pprev", 8}, {"ip", 8}, {"direct", 8}});
    make("ftrace_ops_hash", {{"notrace_hash", 8}, {"filter_hash", 8}});
    make("ftrace_ops", {{"next", 8}, {"trampoline", 8}, {"func_hash", 8}});
    make("bp_patching_desc", {{"vec", 8}, {"nr_entries", 4}, {"refs", 4}});
    make("bpf_dispatcher", {{"func", 8}, {"image", 8}, {"num_progs", 4}, {"image_off", 4}});
    make("text_poke_loc", {{"rel_addr", 4}, {"disp", 4}, {"len", 1}});
    make("kprobe", {{"hlist", 8}, {"pprev", 8}, {"addr", 8}, {"flags", 4}, {"opcode", 1}});
    make("kernfs_node", {{"id", 8}});
    StructWriter list(btf, "list_head");
    list.add("next", ptr, 8, 8);
    list.add("prev", ptr, 8, 8);
    const auto node = list.finish();
    StructWriter object(btf, "kobject");
    object.add("sd", ptr, 8, 8);
    const auto kobject = object.finish();
    StructWriter outer(btf, "module_kobject");
    outer.add("kobj", kobject, 8, 8);
    const auto module_object = outer.finish();
    const auto [memory, memory_size] = make("module_memory", {{"base", 8}, {"size", 4}});
    btf.enum_("mod_mem_type", {{"MOD_TEXT", 0},
                               {"MOD_DATA", 1},
                               {"MOD_RODATA", 2},
                               {"MOD_RO_AFTER_INIT", 3},
                               {"MOD_INIT_TEXT", 4},
                               {"MOD_INIT_DATA", 5},
                               {"MOD_INIT_RODATA", 6}});
    StructWriter module(btf, "module");
    offset_["state"] = module.add("state", u32, 4, 4);
    offset_["list"] = module.add("list", node, 16, 8);
    offset_["name"] = module.add("name", btf.array(u8, 56), 56, 1);
    offset_["mkobj"] = module.add("mkobj", module_object, 8, 8);
    module.add("srcversion", ptr, 8, 8);
    offset_["mem"] = module.add("mem", btf.array(memory, 7), 7 * memory_size, 8);
    offset_["jump_entries"] = module.add("jump_entries", ptr, 8, 8);
    offset_["num_jump_entries"] = module.add("num_jump_entries", u32, 4, 4);
    module_size_ = module.size();
    module.finish();
  }

  std::map<std::string, std::uint32_t> offset_;
  std::uint32_t module_size_ = 0;
  Gva modules_;
  std::vector<Gva> nodes_;
};

}  // namespace ringside::testing
