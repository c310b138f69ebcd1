// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/x86/paging_format.h"
#include "tests/unit/support/fake_modules.h"

#include <cstdint>
#include <map>
#include <vector>

namespace ringside::testing {

/// A kernel with modules whose page tables (4-level) and vmalloc areas a test makes. What the tables map is
/// read through them; the kernel's variables and objects stand where GVA and GPA are equal.
class PageWorld {
 public:
  using Gva = guest::Gva;
  using Gpa = guest::Gpa;
  static constexpr std::uint64_t kWritable = guest::x86::pte::kWritable, kUser = guest::x86::pte::kUser,
                                 kNoExecute = guest::x86::pte::kNoExecute;
  /// Rights of pages as the kernel gives them.
  static constexpr std::uint64_t kData = kWritable | kNoExecute, kRodata = kNoExecute, kText = 0;

  /// `trees`: areas are kept as from 6.9 on.
  explicit PageWorld(bool trees = false) : trees_(trees) {
    auto& identity = kernel.mutable_identity();
    identity.root.mode = guest::x86::PagingMode::four_level;
    identity.root.nxe = true;
    identity.root.table = Gpa{new_table()};
    identity.cpus = 1;
    define_types();
    if (trees_) {
      nodes_ = kernel.allocate(2 * kNodeSize);
      kernel.put_pointer(kernel.define_variable("vmap_nodes", 8), nodes_.value);
      kernel.put(kernel.define_variable("nr_vmap_nodes", 4), std::uint32_t{2});
    } else {
      list_ = kernel.define_variable("vmap_area_list", 16);
      kernel.put_list(list_, {});
    }
  }

  FakeModules modules;
  FakeKernel& kernel = modules.kernel;

  std::uint64_t root() { return kernel.identity().root.table.value; }
  /// Another root that shares the kernel half, as a process has.
  std::uint64_t new_root() {
    const std::uint64_t table = new_table();
    for (unsigned i = 256; i < 512; ++i) put_entry(table, i, entry_of(root(), i));
    return table;
  }
  /// Maps the 4-KiB page at `gva`; tables above it allow everything that `above` says.
  void map(std::uint64_t gva, std::uint64_t gpa, std::uint64_t rights, std::uint64_t above = kWritable) {
    std::uint64_t table = root();
    for (unsigned level = 4; level > 1; --level) {
      const unsigned index = (gva >> (12 + 9 * (level - 1))) & 511;
      std::uint64_t entry = entry_of(table, index);
      if (entry == 0) {
        entry = new_table() | above | 1;
        put_entry(table, index, entry);
      }
      table = entry & guest::x86::pte::kAddress;
    }
    put_entry(table, (gva >> 12) & 511, gpa | rights | 1);
  }
  void put_entry(std::uint64_t table, unsigned index, std::uint64_t entry) {
    entries_[table + std::uint64_t{8} * index] = entry;
    kernel.put(Gva{table + std::uint64_t{8} * index}, entry);
  }
  std::uint64_t entry_of(std::uint64_t table, unsigned index) {
    const auto found = entries_.find(table + std::uint64_t{8} * index);
    return found == entries_.end() ? 0 : found->second;
  }
  void fill(std::uint64_t gpa, std::size_t size, unsigned byte) {
    const Bytes bytes(size, std::byte{static_cast<std::uint8_t>(byte)});
    kernel.memory().write(Gpa{gpa}, bytes);
  }

  /// An area of vmalloc; gives its vmap_area.
  Gva add_area(std::uint64_t start, std::uint64_t size, std::uint64_t caller, std::uint64_t flags = 2) {
    const Gva vm = kernel.allocate(vm_.size), area = kernel.allocate(area_.size);
    kernel.put_pointer(vm + vm_.flags, flags);
    kernel.put_pointer(vm + vm_.caller, caller);
    kernel.put(vm + vm_.nr_pages, std::uint32_t{0});
    kernel.put_pointer(area + area_.va_start, start);
    kernel.put_pointer(area + area_.va_end, start + size);
    kernel.put_pointer(area + area_.vm, vm.value);
    areas_.push_back(area);
    vms_[area] = vm;
    if (trees_) {
      // Each in a tree of its own: two are enough.
      kernel.put_pointer(nodes_ + kNodeSize * (areas_.size() - 1) + node_root_, (area + area_.rb_node).value);
    } else {
      std::vector<Gva> links;
      for (const Gva one : areas_) links.push_back(one + area_.list);
      kernel.put_list(list_, links);
    }
    return area;
  }
  /// Says which frames an area has; `map`: struct page of frame 0.
  void set_frames(Gva area, const std::vector<std::uint64_t>& frames, std::uint64_t map) {
    const Gva vm = vms_.at(area), array = kernel.allocate(8 * frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i)
      kernel.put_pointer(array + 8 * i, map + frames[i] / 4096 * kPageStruct);
    kernel.put_pointer(vm + vm_.pages, array.value);
    kernel.put(vm + vm_.nr_pages, static_cast<std::uint32_t>(frames.size()));
  }
  /// An address space with the page tables at `root`.
  Gva add_mm(std::uint64_t root) {
    const Gva mm = kernel.allocate(64);
    kernel.put_pointer(mm + pgd_, root);
    return mm;
  }

  struct AreaOffsets {
    std::uint32_t va_start, va_end, rb_node, list, vm, size;
  };
  struct VmOffsets {
    std::uint32_t flags, pages, nr_pages, caller, size;
  };
  const AreaOffsets& area_offset() const { return area_; }
  static constexpr std::uint64_t kPageStruct = 64;

 private:
  static constexpr std::uint64_t kNodeSize = 64;

  std::uint64_t new_table() {
    const std::uint64_t at = next_table_;
    next_table_ += 2 * 4096;  // each root has its user-mode twin behind it
    return at;
  }
  void define_types() {
    auto& btf = kernel.btf_writer();
    const auto u32 = btf.integer("unsigned int", 4), word = btf.integer("unsigned long", 8),
               ptr = btf.pointer(0);
    StructWriter links(btf, "rb_node");
    links.add("__rb_parent_color", word, 8, 8);
    links.add("rb_right", ptr, 8, 8);
    links.add("rb_left", ptr, 8, 8);
    const auto rb_node = links.finish();
    StructWriter pair(btf, "list_pair");
    pair.add("next", ptr, 8, 8);
    pair.add("prev", ptr, 8, 8);
    const auto list = pair.finish();
    StructWriter area(btf, "vmap_area");
    area_.va_start = area.add("va_start", word, 8, 8);
    area_.va_end = area.add("va_end", word, 8, 8);
    area_.rb_node = area.add("rb_node", rb_node, 24, 8);
    area_.list = area.add("list", list, 16, 8);
    area_.vm = area.add("vm", ptr, 8, 8);
    area_.size = area.size();
    area.finish();
    StructWriter vm(btf, "vm_struct");
    vm.add("next", ptr, 8, 8);
    vm_.flags = vm.add("flags", word, 8, 8);
    vm_.pages = vm.add("pages", ptr, 8, 8);
    vm_.nr_pages = vm.add("nr_pages", u32, 4, 4);
    vm_.caller = vm.add("caller", ptr, 8, 8);
    vm_.size = vm.size();
    vm.finish();
    StructWriter tree(btf, "rb_list");
    tree.add("root", ptr, 8, 8);
    const auto rb_list = tree.finish();
    StructWriter node(btf, "vmap_node");
    node.add("pool", btf.array(word, 7), 56, 8);
    node_root_ = node.add("busy", rb_list, 8, 8);
    node.finish();
    StructWriter mm(btf, "mm_struct");
    mm.add("mm_users", word, 8, 8);
    pgd_ = mm.add("pgd", ptr, 8, 8);
    mm.finish();
    StructWriter page(btf, "page");
    page.add("flags", btf.array(word, 8), kPageStruct, 8);
    page.finish();
  }

  bool trees_;
  std::uint64_t next_table_ = 0x2000000;
  std::map<std::uint64_t, std::uint64_t> entries_;
  AreaOffsets area_{};
  VmOffsets vm_{};
  std::uint32_t node_root_ = 0, pgd_ = 0;
  Gva list_, nodes_;
  std::vector<Gva> areas_;
  std::map<Gva, Gva> vms_;
};

}  // namespace ringside::testing
