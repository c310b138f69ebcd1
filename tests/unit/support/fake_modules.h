// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/modules.h"
#include "tests/unit/support/fake_kernel.h"
#include "tests/unit/support/struct_writer.h"

#include <elf.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ringside::testing {

/// A kernel with modules, laid out as one of the two ways in which kernels tell of their memory.
class FakeModules {
 public:
  using Gva = guest::Gva;
  enum class Layout { core_and_init, by_kind };  ///< up to 6.3; from 6.4 on

  explicit FakeModules(Layout layout = Layout::by_kind, unsigned bits = 64) : kernel(bits), layout_(layout) {
    define_types();
    list_ = kernel.define_variable("modules", 16);
    link();
    for (const char* name :
         {"param_ops_int", "param_ops_bool", "param_ops_charp", "param_ops_hexint", "param_ops_string",
          "param_array_ops", "param_ops_byte", "param_ops_invbool", "param_ops_long"})
      kernel.define_variable(name, 16);
    auto& identity = kernel.mutable_identity();
    identity.image = {Gva{0x1000000}, Gva{0x1800000}};
    identity.text = {Gva{0x1000000}, Gva{0x1400000}};
    identity.init_text = {Gva{0x1700000}, Gva{0x1710000}};
    identity.image_gpa = {0x1000000};
  }

  FakeKernel kernel;

  struct Region {
    guest::linux::ModuleRegionKind kind;
    std::uint64_t base;
    std::uint32_t size;
  };
  /// Adds a module at the front of the list, as the kernel does.
  Gva add(const std::string& name, std::uint32_t state = 0) {
    const Gva at = kernel.allocate(module_size_);
    kernel.put(at + offset_.state, state);
    kernel.put_string(at + offset_.name, name);
    kernel.put(at + offset_.refcnt, std::int32_t{1});
    kernel.put_list(at + offset_.source_list, {});
    modules_.insert(modules_.begin(), at);
    link();
    return at;
  }
  /// Of a kernel that tells regions by kind.
  void set_region(Gva module, const Region& region) {
    const Gva at = module + offset_.mem + static_cast<std::uint64_t>(region.kind) * memory_stride_;
    kernel.put_pointer(at, region.base);
    kernel.put(at + kernel.pointer_size(), region.size);
  }
  /// Of one that does not: sizes reach from the base to the end of each part.
  void set_area(Gva module, bool init, std::uint64_t base, std::uint32_t size, std::uint32_t text,
                std::uint32_t rodata, std::uint32_t sealed) {
    const Gva at = module + (init ? offset_.init_layout : offset_.core_layout);
    kernel.put_pointer(at, base);
    const Gva sizes = at + kernel.pointer_size();
    kernel.put(sizes, size);
    kernel.put(sizes + 4, text);
    kernel.put(sizes + 8, rodata);
    kernel.put(sizes + 12, sealed);
  }
  Gva text(const std::string& text) {
    const Gva at = kernel.allocate(text.size() + 1);
    kernel.put_string(at, text);
    return at;
  }
  void set_pointer(Gva module, std::uint32_t offset, Gva to) {
    kernel.put_pointer(module + offset, to.value);
  }

  struct Symbol {
    std::string name;
    std::uint64_t address;
    char type = 't';
    std::uint16_t section = 1;
  };
  void set_symbols(Gva module, const std::vector<Symbol>& symbols) {
    const bool wide = kernel.pointer_size() == 8;
    const std::size_t stride = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    std::string names(1, '\0');
    const Gva table = kernel.allocate(stride * symbols.size()), types = kernel.allocate(symbols.size());
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const auto name = static_cast<std::uint32_t>(symbols[i].name.empty() ? 0 : names.size());
      if (name != 0) names += symbols[i].name + '\0';
      if (wide)
        kernel.put(table + i * stride, Elf64_Sym{name, 0, 0, symbols[i].section, symbols[i].address, 0});
      else
        kernel.put(table + i * stride, Elf32_Sym{name, static_cast<std::uint32_t>(symbols[i].address), 0, 0,
                                                 0, symbols[i].section});
      kernel.put(types + i, symbols[i].type);
    }
    const Gva strings = kernel.allocate(names.size());
    kernel.memory().write(guest::Gpa{strings.value}, as_bytes(names));
    const Gva header = kernel.allocate(4 * kernel.pointer_size());
    kernel.put_pointer(header, table.value);
    kernel.put(header + kernel.pointer_size(), static_cast<std::uint32_t>(symbols.size()));
    kernel.put_pointer(header + std::uint64_t{2} * kernel.pointer_size(), strings.value);
    kernel.put_pointer(header + std::uint64_t{3} * kernel.pointer_size(), types.value);
    set_pointer(module, offset_.kallsyms, header);
  }
  /// As EXPORT_SYMBOL() makes them: offsets from the members themselves.
  void set_exports(Gva module, const std::vector<Symbol>& exports) {
    const Gva list = kernel.allocate(12 * exports.size());
    for (std::size_t i = 0; i < exports.size(); ++i) {
      const Gva at = list + 12 * i, name = text(exports[i].name);
      kernel.put(at, static_cast<std::uint32_t>(exports[i].address - at.value));
      kernel.put(at + 4, static_cast<std::uint32_t>(name.value - (at.value + 4)));
    }
    set_pointer(module, offset_.syms, list);
    kernel.put(module + offset_.num_syms, static_cast<std::uint32_t>(exports.size()));
  }

  struct Offsets {
    std::uint32_t state, list, name, version, srcversion, kp, num_kp, syms, num_syms, init, mem, core_layout,
        init_layout, taints, kallsyms, sect_attrs, args, source_list, exit, refcnt;
  };
  const Offsets& offset() const { return offset_; }
  std::uint32_t parameter_size() const { return parameter_size_; }

 private:
  void define_types() {
    auto& btf = kernel.btf_writer();
    const unsigned p = kernel.pointer_size();
    const auto u32 = btf.integer("unsigned int", 4), i32 = btf.integer("int", 4, true),
               u16 = btf.integer("unsigned short", 2), u8 = btf.integer("char", 1), ptr = btf.pointer(0),
               word = btf.integer("unsigned long", p);
    StructWriter node(btf, "list_head");
    node.add("next", ptr, p, p);
    node.add("prev", ptr, p, p);
    const auto list = node.finish();
    StructWriter atomic(btf, "atomic_t_");
    atomic.add("counter", i32, 4, 4);
    const auto counter = atomic.finish();

    StructWriter memory(btf, layout_ == Layout::by_kind ? "module_memory" : "module_layout");
    memory.add("base", ptr, p, p);
    memory.add("size", u32, 4, 4);
    if (layout_ == Layout::core_and_init)
      for (const char* name : {"text_size", "ro_size", "ro_after_init_size"}) memory.add(name, u32, 4, 4);
    memory_stride_ = memory.size();
    const auto one = memory.finish();
    btf.enum_("mod_mem_type", {{"MOD_TEXT", 0},
                               {"MOD_DATA", 1},
                               {"MOD_RODATA", 2},
                               {"MOD_RO_AFTER_INIT", 3},
                               {"MOD_INIT_TEXT", 4},
                               {"MOD_INIT_DATA", 5},
                               {"MOD_INIT_RODATA", 6}});

    StructWriter module(btf, "module");
    offset_.state = module.add("state", u32, 4, 4);
    offset_.list = module.add("list", list, 2 * p, p);
    offset_.name = module.add("name", btf.array(u8, 56), 56, 1);
    offset_.version = module.add("version", ptr, p, p);
    offset_.srcversion = module.add("srcversion", ptr, p, p);
    offset_.syms = module.add("syms", ptr, p, p);
    offset_.num_syms = module.add("num_syms", u32, 4, 4);
    offset_.kp = module.add("kp", ptr, p, p);
    offset_.num_kp = module.add("num_kp", u32, 4, 4);
    offset_.init = module.add("init", ptr, p, p);
    if (layout_ == Layout::by_kind) {
      offset_.mem = module.add("mem", btf.array(one, 7), 7 * memory_stride_, p);
    } else {
      offset_.core_layout = module.add("core_layout", one, memory_stride_, p);
      offset_.init_layout = module.add("init_layout", one, memory_stride_, p);
    }
    offset_.taints = module.add("taints", word, p, p);
    offset_.kallsyms = module.add("kallsyms", ptr, p, p);
    offset_.sect_attrs = module.add("sect_attrs", ptr, p, p);
    offset_.args = module.add("args", ptr, p, p);
    offset_.source_list = module.add("source_list", list, 2 * p, p);
    offset_.exit = module.add("exit", ptr, p, p);
    offset_.refcnt = module.add("refcnt", counter, 4, 4);
    module_size_ = module.size();
    module.finish();

    StructWriter use(btf, "module_use");
    use.add("source_list", list, 2 * p, p);
    use.add("target_list", list, 2 * p, p);
    use.add("source", ptr, p, p);
    use.finish();

    StructWriter kallsyms(btf, "mod_kallsyms");
    kallsyms.add("symtab", ptr, p, p);
    kallsyms.add("num_symtab", u32, 4, p);
    kallsyms.add("strtab", ptr, p, p);
    kallsyms.add("typetab", ptr, p, p);
    kallsyms.finish();
    StructWriter symbol(btf, "kernel_symbol");
    for (const char* name : {"value_offset", "name_offset", "namespace_offset"}) symbol.add(name, i32, 4, 4);
    symbol.finish();

    StructWriter parameter(btf, "kernel_param");
    for (const char* name : {"name", "mod", "ops"}) parameter.add(name, ptr, p, p);
    parameter.add("perm", u16, 2, 2);
    parameter.add("arg", ptr, p, p);
    parameter_size_ = parameter.size();
    parameter.finish();
    StructWriter array(btf, "kparam_array");
    array.add("max", u32, 4, 4);
    array.add("elemsize", u32, 4, 4);
    for (const char* name : {"num", "ops", "elem"}) array.add(name, ptr, p, p);
    array.finish();
    StructWriter string(btf, "kparam_string");
    string.add("maxlen", u32, 4, p);
    string.add("string", ptr, p, p);
    string.finish();

    StructWriter attribute(btf, "attribute");
    attribute.add("name", ptr, p, p);
    const auto attribute_size = attribute.size();
    const auto attr = attribute.finish();
    StructWriter binary(btf, "bin_attribute");
    binary.add("attr", attr, attribute_size, p);
    binary.add("size", word, p, p);
    binary.add("private", ptr, p, p);
    const auto binary_size = binary.size();
    const auto bin = binary.finish();
    StructWriter group(btf, "attribute_group");
    group.add("name", ptr, p, p);
    group.add("bin_attrs", ptr, p, p);
    const auto group_size = group.size();
    const auto grp = group.finish();
    StructWriter sections(btf, "module_sect_attrs");
    sections.add("grp", grp, group_size, p);
    sections.finish();
    if (layout_ == Layout::by_kind) return;
    StructWriter section(btf, "module_sect_attr");
    section.add("battr", bin, binary_size, p);
    section.add("address", word, p, p);
    section.finish();
  }

  void link() {
    std::vector<Gva> nodes;
    for (const Gva module : modules_) nodes.push_back(module + offset_.list);
    kernel.put_list(list_, nodes);
  }

  Layout layout_;
  Offsets offset_{};
  std::uint32_t module_size_ = 0, memory_stride_ = 0, parameter_size_ = 0;
  Gva list_;
  std::vector<Gva> modules_;
};

}  // namespace ringside::testing
