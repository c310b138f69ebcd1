// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/direct_map.h"

namespace ringside::guest::linux {

Result<Gva> direct_map_base(Kernel& kernel) {
  const KernelIdentity& identity = kernel.identity();
  // The image of a 32-bit kernel stands in the direct map.
  if (identity.bits == 32) return Gva{identity.image.first.value - identity.image_gpa.value};
  if (const auto variable = kernel.find_symbol("page_offset_base")) return kernel.read_pointer(*variable);
  // Without CONFIG_DYNAMIC_MEMORY_LAYOUT: Documentation/arch/x86/x86_64/mm.rst.
  return identity.root.mode == x86::PagingMode::five_level ? Gva{0xff11000000000000}
                                                           : Gva{0xffff888000000000};
}

}  // namespace ringside::guest::linux
