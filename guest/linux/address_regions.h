// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// What an address of the kernel's address space is used for.
enum class AddressRegion : std::uint8_t {
  none,  ///< a hole, or not canonical
  user,
  kernel_text,
  kernel_rodata,
  kernel_data,
  kernel_init,  ///< freed after boot, and used for other things since
  module_text,
  module_rodata,
  module_data,
  module_init,  ///< freed after the module's init
  bpf,          ///< code of a BPF program, trampoline or dispatcher
  ftrace_trampoline,
  kprobe,       ///< copies of instructions that probes execute
  module_area,  ///< where modules and other code are put: in none that is known
  vmalloc,
  direct_map,
  vmemmap,
  ldt,
  cpu_entry_area,
  espfix,
  efi,
  fixmap,
  vsyscall
};
std::string_view to_string(AddressRegion region);

/// The kernel's address space as its layout divides it (Documentation/arch/x86/x86_64/mm.rst; 32-bit:
/// arch/x86/include/asm/pgtable_32_areas.h), the kernel image included, modules not. What KASLR moves is read
/// from the guest when it is first needed.
class AddressRegions {
 public:
  explicit AddressRegions(Kernel& kernel);

  AddressRegion at(Gva gva);
  /// True for an address that may belong to a module, to code made at run time, or to nothing.
  bool may_be_module(Gva gva);
  /// Why regions outside the kernel image are not known; nullopt: they are, or were not asked for yet.
  const std::optional<Error>& problem() const { return problem_; }

 private:
  struct Named {
    std::uint64_t first = 0, last = 0;  ///< inclusive
    AddressRegion region = AddressRegion::none;
  };
  AddressRegion in_image(Gva gva);
  AddressRegion outside(std::uint64_t address);
  void lay_out();
  void lay_out_64();
  void lay_out_32();
  std::uint64_t variable(std::string_view name, std::uint64_t otherwise);
  void add(AddressRegion region, std::uint64_t first, std::uint64_t size);

  Kernel* kernel_;
  std::optional<Range> rodata_, init_;
  std::vector<Named> named_;  ///< in order, without overlap
  bool laid_out_ = false;
  std::optional<Error> problem_;
};

}  // namespace ringside::guest::linux
