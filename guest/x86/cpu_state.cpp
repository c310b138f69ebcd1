// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/cpu_state.h"

namespace ringside::guest::x86 {

std::string_view to_string(PagingMode mode) {
  switch (mode) {
    case PagingMode::none:
      return "none";
    case PagingMode::two_level:
      return "2-level";
    case PagingMode::pae:
      return "pae";
    case PagingMode::four_level:
      return "4-level";
    case PagingMode::five_level:
      return "5-level";
  }
  return "unknown";
}

// SDM vol. 3A, section 4.1.1. EFER.LMA, not LME, decides: LME alone is long mode asked for, not yet entered.
PagingMode CpuState::paging_mode() const {
  if ((cr0 & cr0::kPg) == 0) return PagingMode::none;
  if ((cr4 & cr4::kPae) == 0) return PagingMode::two_level;
  if (!long_mode()) return PagingMode::pae;
  return (cr4 & cr4::kLa57) != 0 ? PagingMode::five_level : PagingMode::four_level;
}

}  // namespace ringside::guest::x86
