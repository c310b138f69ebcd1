// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/modules.h"

#include <algorithm>

namespace ringside::guest::linux {

std::string_view to_string(ModuleState state) {
  switch (state) {
    case ModuleState::live:
      return "live";
    case ModuleState::coming:
      return "coming";
    case ModuleState::going:
      return "going";
    case ModuleState::unformed:
      return "unformed";
  }
  return "?";
}

std::string_view to_string(ModuleRegionKind kind) {
  switch (kind) {
    case ModuleRegionKind::text:
      return "text";
    case ModuleRegionKind::data:
      return "data";
    case ModuleRegionKind::rodata:
      return "rodata";
    case ModuleRegionKind::ro_after_init:
      return "ro_after_init";
    case ModuleRegionKind::init_text:
      return "init_text";
    case ModuleRegionKind::init_data:
      return "init_data";
    case ModuleRegionKind::init_rodata:
      return "init_rodata";
  }
  return "?";
}

const ModuleRegion* Module::region(ModuleRegionKind kind) const {
  const auto found = std::find_if(regions.begin(), regions.end(),
                                  [&](const ModuleRegion& region) { return region.kind == kind; });
  return found == regions.end() ? nullptr : &*found;
}

std::string taint_letters(std::uint64_t taints) {
  // include/linux/panic.h: TAINT_PROPRIETARY_MODULE is bit 0, TAINT_FWCTL (6.15) bit 19.
  constexpr std::string_view kLetters = "PFSRMBUDAWCIOELKXTNJ";
  std::string letters;
  for (unsigned bit = 0; bit < 64; ++bit)
    if (((taints >> bit) & 1) != 0) letters += bit < kLetters.size() ? kLetters[bit] : '?';
  return letters;
}

}  // namespace ringside::guest::linux
