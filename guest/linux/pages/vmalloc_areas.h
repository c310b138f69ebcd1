// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// A piece of the address space that the kernel gave away: struct vmap_area with its struct vm_struct
/// (include/linux/vmalloc.h). Modules, code of BPF and ftrace, stacks and mapped devices all have one.
struct VmallocArea {
  Gva start;
  std::uint64_t size = 0;              ///< bytes, a guard page at the end included
  Gva vm{0};                           ///< its vm_struct; 0: none (vm_map_ram)
  std::optional<std::uint64_t> flags;  ///< VM_*
  std::optional<Gva> caller;           ///< code that asked for it
  std::optional<std::uint64_t> pages;  ///< how many it has of its own
  std::optional<Gva> page_array;       ///< their struct page pointers

  bool contains(Gva gva) const { return gva - start < size; }
};

/// "ioremap", "vmalloc", "vmap", "dma"; empty: none of them.
std::string_view vmalloc_kind(std::uint64_t flags);

/// Most areas that a walk takes: each thread's stack is one.
inline constexpr std::uint64_t kMaxVmallocAreas = 1u << 18;

/// All areas by address, read once; see Kernel::memo(). Up to 6.8 from vmap_area_list, later from the trees
/// of vmap_nodes (mm/vmalloc.c). Problems: what could not be read.
const Listing<VmallocArea>& vmalloc_areas(Kernel& kernel);
/// The area of `areas` that holds `gva`; nullptr: none.
const VmallocArea* find_area(const Listing<VmallocArea>& areas, Gva gva);

/// The function of the kernel image that holds `gva`, without what the compiler adds (".isra.0"); empty if
/// there is none.
std::string function_name(Kernel& kernel, Gva gva);

}  // namespace ringside::guest::linux
